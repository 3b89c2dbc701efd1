from dataclasses import replace

import numpy as np
import pytest

from emotag.actors.performance.coarticulation import RATE, articulate, at_frames, gestures, sample
from emotag.actors.performance.visemes import CONTROLS
from emotag.actors.types import Phone

from .conftest import SENTENCE, say

JAW, PUCKER = CONTROLS.index("jaw"), CONTROLS.index("mouthPucker")


def curves(sounds: str, scale: float = 1.0):
    utterance = say(sounds, scale=scale)
    return utterance, articulate(gestures(utterance.phones), int(utterance.seconds * RATE) + 1, 0.048)


def test_curves_are_smooth_and_within_targets():
    _, speech = curves(SENTENCE)
    step = np.abs(np.diff(speech.controls, axis=0)).max(0)
    assert step[JAW] < 0.03 and step.max() < 0.1  # a 200th of a second
    assert speech.controls.min() >= 0 and speech.controls.max() <= 1


def test_movement_starts_before_the_sound():
    utterance, speech = curves("t 'uː t")
    onset = utterance.phones[2].start_s
    pucker = speech.controls[:, PUCKER]
    half = np.flatnonzero(pucker > 0.3 * pucker.max())[0] / RATE
    assert 0.03 < onset - half < 0.20


def test_neighbours_colour_a_consonant():
    for consonant in "tks":
        _, rounded = curves(f"uː {consonant} uː")
        _, spread = curves(f"iː {consonant} iː")
        middle = rounded.controls.shape[0] // 2
        assert rounded.controls[middle, PUCKER] > spread.controls[middle, PUCKER] + 0.1


def test_mouth_rests_without_phones_and_at_the_ends():
    assert not articulate((), 100, 0.05).controls.any()
    _, speech = curves("s 'a s")
    assert np.abs(speech.controls[[0, -1], JAW]).max() < 0.005


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("fps", [25, 30])
def test_no_contact_falls_between_frames(scale, fps):
    sounds = "a p a b a m a f a v a"
    for shift in np.linspace(0, 1 / fps, 7):
        phones = tuple(
            replace(phone, start_s=phone.start_s + shift * (i > 0), end_s=phone.end_s + shift)
            for i, phone in enumerate(say(sounds, scale=scale).phones)
        )
        count = int((phones[-1].end_s + 0.1) * RATE)
        speech = articulate(gestures(phones), count, 1.2 / fps)
        frames = int(count / RATE * fps)
        seal, bite = at_frames(speech.seal, frames, fps), at_frames(speech.bite, frames, fps)
        for phone in phones:
            if phone.ipa and phone.ipa in "pbmfv":
                track = bite if phone.ipa in "fv" else seal
                assert track[int(phone.start_s * fps) : int(np.ceil(phone.end_s * fps)) + 1].max() > 0.99


def test_lips_stay_together_from_rest_to_the_first_bilabial():
    utterance, speech = curves("m 'a")
    start = round(utterance.phones[1].start_s * RATE)
    parted = speech.controls[:start, JAW] > 0.01
    assert speech.seal[:start][parted].min() > 0.95


def test_length_mark_prolongs_the_sound_before():
    long = gestures((Phone("m", 0.0, 0.1, 0), Phone("ː", 0.1, 0.2, 0), Phone("a", 0.2, 0.3, 0)))
    assert len(long) == 2 and long[0].end_s == 0.2


def test_sampling():
    ramp = np.linspace(0, 1, 2 * RATE + 1)[:, None]
    frames = np.arange(2, 48)
    np.testing.assert_allclose(sample(ramp, 50, 25)[frames, 0], frames / 50, atol=1e-9)
    np.testing.assert_allclose(at_frames(ramp, 50, 25)[frames, 0], frames / 50, atol=1e-9)
    np.testing.assert_allclose(sample(np.ones(200), 30, 30), 1)
