"""A render that is late, early or in time."""

import numpy as np
import pytest

from emotag.matching.shift import REACH, lateness

FRAMES = 100


def walk(seed: int = 0) -> np.ndarray:  # (T, 68, 2)
    """A head that wanders slowly, with a mouth that moves."""
    random = np.random.default_rng(seed)
    place = np.cumsum(random.normal(size=(FRAMES + 2 * REACH, 1, 2)), axis=0)
    shape = random.normal(scale=30, size=(1, 68, 2))
    return place + shape + random.normal(scale=0.2, size=(FRAMES + 2 * REACH, 68, 2))


@pytest.mark.parametrize("late", [-REACH, -3, 0, 1, 5, REACH])
def test_known_shifts_are_found(late: int) -> None:
    path = walk()
    truth, render = path[REACH : REACH + FRAMES], path[REACH - late : REACH - late + FRAMES]
    noise = np.random.default_rng(1).normal(scale=0.2, size=render.shape)
    valid = np.ones(FRAMES, bool)
    valid[10:20] = False
    truth = np.where(valid[:, None, None], truth, np.nan)
    assert lateness(truth, render + noise, valid) == late


def test_a_still_face_or_too_few_frames_say_nothing() -> None:
    still = np.repeat(walk()[:1], FRAMES, axis=0)
    assert lateness(still, still + 1.0, np.ones(FRAMES, bool)) == 0
    valid = np.zeros(FRAMES, bool)
    assert lateness(still, still, valid) == 0
    valid[:30] = True
    assert lateness(walk()[:FRAMES], walk()[5 : 5 + FRAMES], valid) == 0
