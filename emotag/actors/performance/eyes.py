"""Eyes: where they look, how the lids follow, and blinks.

Angles: `eyes_pose` is axis-angle per eye in a right-handed frame with z out of the face, so a positive rotation about
x turns the gaze DOWN and a positive one about y turns it to the person's LEFT.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emotag.actors.performance.coarticulation import RATE
from emotag.actors.performance.manner import Manner
from emotag.actors.performance.prototypes import Bearing

LID_DOWN, LID_UP, SIDEWAYS = 0.45, 0.40, 0.60
"""Radians of gaze at which eyeLookDown, eyeLookUp, eyeLookIn and eyeLookOut are 1."""


@dataclass(frozen=True)
class Gaze:
    """N samples at RATE."""

    pitch: np.ndarray  # (N,) radians in the head, + down
    yaw: np.ndarray  # (N,) radians in the head, + to the person's left, of the mean of both eyes
    shifts_s: tuple[float, ...]  # times of large gaze shifts


def gaze(
    head_pitch: np.ndarray,  # (N,) radians, neck and trunk together
    head_yaw: np.ndarray,  # (N,)
    strength: np.ndarray,  # (N,) of the emotion
    bearing: Bearing,
    manner: Manner,
    rng: np.random.Generator,
) -> Gaze:
    """Fixations joined by saccades, mostly on the camera; the eyes make up for the turns of the head."""
    count = len(head_pitch)
    target = np.zeros((count, 2))
    shifts, now, place = [], 0.0, np.zeros(2)
    while now < count / RATE:
        length = float(rng.gamma(3.0, _FIXATION_S / 3.0))
        away = rng.uniform() < _AWAY * manner.gaze_aversion * bearing.aversion
        wander = rng.normal(0, _JITTER, 2)
        aside = rng.uniform(*_ASIDE) * np.array([rng.uniform(-0.3, 0.6), rng.choice([-1.0, 1.0])])
        previous, place = place, (aside if away else wander)
        if away:
            length = min(length, _LONGEST_AWAY_S)
        if np.abs(place - previous).max() > _LARGE:
            shifts.append(now)
        target[int(now * RATE) : int((now + length) * RATE) + 1] = place
        now += max(length, _SHORTEST_S)
    # A saccade of 5–10° takes about 40 ms (main sequence, A. T. Bahill et al. 1975): a smoothed step.
    target = gaussian_filter1d(target, _SACCADE_SIGMA_S * RATE, axis=0, mode="nearest")
    pitch = target[:, 0] + bearing.gaze_down * strength - _COMPENSATION * head_pitch
    yaw = target[:, 1] - _COMPENSATION * head_yaw
    return Gaze(_limited(pitch), _limited(yaw), tuple(shifts))


def eyes_pose(
    pitch: np.ndarray,  # (T,) radians
    yaw: np.ndarray,  # (T,)
) -> np.ndarray:  # (T, 6) left x y z, right x y z
    """Pose both eyeballs, converging on something as far as the camera."""
    zero = np.zeros_like(pitch)
    return np.stack((pitch, yaw - _VERGENCE, zero, pitch, yaw + _VERGENCE, zero), axis=1)


def lids_of_gaze(
    pitch: np.ndarray,  # (T,) radians
    yaw: np.ndarray,  # (T,)
) -> dict[str, np.ndarray]:
    """Expressions with which lids and their surroundings follow the eyeballs."""
    look: dict[str, np.ndarray] = {}
    for side, outwards in (("_L", 1.0), ("_R", -1.0)):
        look[f"eyeLookDown{side}"] = np.clip(pitch / LID_DOWN, 0, 1)
        look[f"eyeLookUp{side}"] = np.clip(-pitch / LID_UP, 0, 1)
        look[f"eyeLookOut{side}"] = np.clip(outwards * yaw / SIDEWAYS, 0, 1)
        look[f"eyeLookIn{side}"] = np.clip(-outwards * yaw / SIDEWAYS, 0, 1)
    return look


def blinks(
    count: int,
    strength: np.ndarray,  # (N,) of the emotion
    bearing: Bearing,
    shifts_s: tuple[float, ...],
    manner: Manner,
    rng: np.random.Generator,
) -> np.ndarray:  # (N,) at RATE, 1 closed
    """Blinks at random with a refractory time, some on large gaze shifts.

    100 ms to close, 50 ms closed (longer than a frame at 25 fps, so one frame at least sees it), 200 ms to open:
    rounded from F. VanderWerf et al., "Eyelid movements: behavioral studies of blinking in humans under different
    stimulus conditions", J. Neurophysiol. 89 (2003).
    """
    time = np.arange(count) / RATE
    rate = manner.blinks_per_minute / 60 * (1 + (bearing.blinks - 1) * float(strength.mean() if count else 0.0))
    apart = max(1 / max(rate, 1e-3) - _REFRACTORY_S, 0.2)
    times = []
    now = float(rng.uniform(0.3, 1.0) * apart)
    while now < count / RATE:
        times.append(now)
        now += _REFRACTORY_S + float(rng.gamma(2.0, apart / 2.0))
    chances = rng.uniform(size=len(shifts_s))
    for shift, chance in zip(shifts_s, chances):
        if chance < _BLINK_ON_SHIFT * bearing.blinks and all(abs(shift - other) > _REFRACTORY_S for other in times):
            times.append(shift)
    closed = np.zeros(count)
    for start in times:
        down = np.clip((time - start) / _CLOSING_S, 0, 1)
        up = np.clip((time - start - _CLOSING_S - _CLOSED_S) / _OPENING_S, 0, 1)
        # Closing is nearly uniform, opening slows down towards the end.
        closed = np.maximum(closed, np.where(time < start, 0.0, (0.5 - 0.5 * np.cos(np.pi * down)) * (1 - up) ** 1.6))
    return closed


def _limited(angle: np.ndarray) -> np.ndarray:
    return np.asarray(_LIMIT * np.tanh(angle / _LIMIT))


_FIXATION_S, _SHORTEST_S, _LONGEST_AWAY_S = 1.3, 0.15, 0.9
_AWAY = 0.17
_JITTER, _ASIDE, _LARGE = np.radians(0.5), np.radians([5.0, 11.0]), np.radians(4.0)
_SACCADE_SIGMA_S = 0.012
_COMPENSATION = 0.95
_LIMIT = np.radians(25.0)
_VERGENCE = 0.031  # radians: an eyeball 31 mm from the middle looks at 1 m
_CLOSING_S, _CLOSED_S, _OPENING_S, _REFRACTORY_S = 0.10, 0.05, 0.20, 0.8
_BLINK_ON_SHIFT = 0.25
