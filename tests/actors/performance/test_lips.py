from dataclasses import replace

import numpy as np
import pytest
import torch

from emotag.actors.performance.lips import LipGap
from emotag.actors.performance.manner import draw_manner
from emotag.actors.performance.perform import perform
from emotag.errors import InputError

from .conftest import EMOTIONAL, SENTENCE, frames_of, lip_gap, lip_landmarks, say

TOUCH_MM = 1.0
"""The landmarks of lips at rest stand 0.8 mm apart on ICT-FaceKit: they mark the edge of the red, not the contact."""

BABBLE = "m 'a m a _ p 'a p a b 'eɪ b i m 'uː b 'i p 'ɔ m ʃ p s b f m w 'a b 'uː"


def check_closures(head, emotion, level, gap, allowed_mm=TOUCH_MM):
    for seed in range(2):
        utterance = say(BABBLE, emotion, level)
        manner = draw_manner(np.random.default_rng(seed))
        performance = perform(utterance, head.expression_names, seed, manner, gap=gap)
        opening = lip_gap(head, performance)
        for phone in utterance.phones:
            if phone.ipa and phone.ipa in "pbm":
                assert opening[frames_of(phone, len(opening))].max(axis=1).min() < allowed_mm, (phone, seed)
        assert opening.min() > -2.5, "lips go through each other"
        assert opening.max() > 6 if emotion != "sad" else opening.max() > 4


@pytest.mark.parametrize(("emotion", "level"), [("neutral", 0), *EMOTIONAL])
def test_bilabials_close_the_lips_of_the_open_head(open_head, emotion, level):
    check_closures(open_head, emotion, level, LipGap.of(open_head))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("emotion", "level"), [("neutral", 0), *EMOTIONAL])
def test_bilabials_close_the_lips_of_ict(ict_head, emotion, level):
    check_closures(ict_head, emotion, level, LipGap.of(ict_head))


@pytest.mark.shared
@pytest.mark.slow
def test_rounded_table_closes_the_lips_too(ict_head):
    check_closures(ict_head, "neutral", 0, None)
    check_closures(ict_head, "happy", 3, None)


def test_without_mouth_close_the_lips_would_stay_open(open_head):
    """The check above can fail."""
    performance = perform(say("a p a"), open_head.expression_names, 0)
    column = open_head.expression_names.index("mouthClose")
    without = performance.expression.copy()
    without[:, column] = 0
    frames = frames_of(say("a p a").phones[2], len(without))
    assert lip_gap(open_head, replace(performance, expression=without))[frames].max(axis=1).min() > TOUCH_MM + 1


def test_labiodental_brings_the_lower_lip_to_the_teeth(open_head):
    utterance = say("a f 'a v a")
    performance = perform(utterance, open_head.expression_names, 0, gap=LipGap.of(open_head))
    points = lip_landmarks(open_head, performance)
    teeth = open_head.template[open_head.regions["upper_teeth"]].numpy() * 1000
    edge = teeth[np.abs(teeth[:, 0]) < 5][:, 1].min()
    for phone in (utterance.phones[2], utterance.phones[4]):
        frames = frames_of(phone, len(points))
        assert np.abs(points[frames, 66, 1] - edge).min() < 2.0
        assert (points[frames, 62, 1] - points[frames, 66, 1]).min() > 0.3  # the lips themselves do not seal


def test_rounding_narrows_and_spreading_widens(open_head):
    width = {}
    for vowel in ("uː", "iː", "ɑː"):
        points = lip_landmarks(open_head, perform(say(f"t '{vowel} t"), open_head.expression_names, 0))
        middle = len(points) // 2
        width[vowel] = points[middle, 54, 0] - points[middle, 48, 0]
    assert width["uː"] < width["ɑː"] - 2 and width["ɑː"] < width["iː"] - 0.5


def test_measured_gap_predicts_the_head(open_head):
    gap = LipGap.of(open_head)
    performance = perform(say(SENTENCE), open_head.expression_names, 3, gap=gap)
    curves = {name: performance.expression[:, i] for i, name in enumerate(performance.names)}
    curves["jaw"] = performance.jaw_pose[:, 0]
    measured = lip_gap(open_head, performance)[:, 1]
    rest = lip_gap(open_head, perform(say("_"), open_head.expression_names, 3, gap=gap))[0, 1]
    assert np.abs(gap.opening(curves) - (measured - rest)).max() < 1.5


def test_a_head_without_mouth_close(open_head):
    nameless = replace(open_head, expression_names=tuple(f"e{i}" for i in range(open_head.n_expression)))
    with pytest.raises(InputError, match="mouthClose"):
        LipGap.of(nameless)
    idle = replace(open_head, expression_basis=torch.zeros_like(open_head.expression_basis))
    with pytest.raises(InputError, match="together"):
        LipGap.of(idle)
