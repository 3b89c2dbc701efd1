import numpy as np
import pytest

from emotag.actors.join import joined, padded
from emotag.actors.truth import phones_at
from emotag.actors.types import Performance, Phone, Utterance

RATE = 22050


def utterance(seconds: float) -> Utterance:
    count = round(seconds * RATE)
    middle = count / 2 / RATE
    phones = (Phone("m", 0.0, middle, 0), Phone("a", middle, count / RATE, 2))
    return Utterance(np.ones(count, dtype=np.float32), RATE, phones, "happy", 2)


def performance(frames: int, value: float) -> Performance:
    def full(width: int, number: float = value) -> np.ndarray:
        return np.full((frames, width), number)

    p_emo = np.eye(7)[np.full(frames, 3 if value > 0.5 else 6)]
    angles = {"jaw_pose": full(3), "neck_pose": full(3), "eyes_pose": full(6), "rotation": full(3)}
    return Performance(
        ("a", "b"), full(2), **angles, translation=full(3), action_units=full(17), p_emo=p_emo, e=full(1)[:, 0]
    )


@pytest.mark.parametrize("seconds", [0.513, 1.0, 2.037])
def test_padded_fills_whole_frames_and_keeps_the_phones_on_their_sound(seconds: float) -> None:
    spoken = utterance(seconds)
    whole = padded(spoken, 0.2, 0.3)
    frames = len(whole.samples) / RATE * 25
    assert abs(frames - round(frames)) < 25 / RATE
    assert whole.seconds >= seconds + 0.5 - 1e-3
    assert whole.seconds < seconds + 0.5 + 0.05
    assert whole.phones[0] == Phone("", 0.0, pytest.approx(0.2, abs=1e-4), 0)
    assert whole.phones[-1].end_s == pytest.approx(whole.seconds)
    for before, after in zip(whole.phones, whole.phones[1:]):
        assert before.end_s == pytest.approx(after.start_s)
    start, end = (round(at * RATE) for at in (whole.phones[1].start_s, whole.phones[2].end_s))
    assert whole.samples[start:end].all()
    assert not whole.samples[:start].any()
    assert not whole.samples[end:].any()


def test_joined_goes_on_where_the_last_one_ended() -> None:
    both = joined([performance(20, 0.0), performance(30, 1.0)])
    assert len(both.e) == 50
    steps = np.abs(np.diff(both.rotation[:, 0]))
    assert steps.max() < 0.11  # a jump of 1 is spread over 2 · 5 + 1 steps
    assert both.rotation[0, 0] == 0
    assert both.rotation[-1, 0] == 1
    np.testing.assert_allclose(both.p_emo.sum(1), 1)
    assert both.p_emo.min() >= 0


def test_phones_at_names_what_sounds_in_the_middle_of_a_frame() -> None:
    phones = (Phone("", 0.0, 0.05, 0), Phone("p", 0.05, 0.09, 0), Phone("a", 0.09, 0.2, 2))
    assert phones_at(phones, 5) == ["", "p", "a", "a", "a"]
