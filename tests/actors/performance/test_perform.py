from dataclasses import fields, replace

import numpy as np
import pytest

from emotag.actors.performance.facs import action_units
from emotag.actors.performance.manner import Manner, draw_manner
from emotag.actors.performance.perform import SHAPES, perform
from emotag.actors.performance.prototypes import PROTOTYPES
from emotag.actors.types import Performance
from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import Voice
from emotag.errors import InputError
from emotag.vocabulary import ACTION_UNITS, EMOTIONS

from .conftest import EMOTIONAL, NAMES, SENTENCE, say

LEVEL_APEX = {1: 1 / 3, 2: 2 / 3, 3: 1.0}


def au(performance: Performance, unit: int) -> np.ndarray:
    return performance.action_units[:, ACTION_UNITS.index(unit)]


@pytest.mark.parametrize(("emotion", "level"), [("neutral", 0), *EMOTIONAL])
def test_shapes_ranges_and_truth(emotion, level):
    utterance = say(SENTENCE, emotion, level)
    p = perform(utterance, NAMES, 4, draw_manner(np.random.default_rng(level)))
    frames = int(np.ceil(utterance.seconds * 25 - 1e-3))
    sizes = {"expression": len(NAMES), "jaw_pose": 3, "neck_pose": 3, "eyes_pose": 6, "rotation": 3, "translation": 3,
             "action_units": 17, "p_emo": 7}  # fmt: skip
    for name, size in sizes.items():
        assert getattr(p, name).shape == (frames, size)
        assert np.isfinite(getattr(p, name)).all()
    assert p.expression.min() >= 0 and p.expression.max() <= 1
    assert p.jaw_pose[:, 0].min() >= 0 and p.jaw_pose[:, 0].max() < 0.30
    assert np.degrees(np.abs(p.neck_pose)).max() < 18 and np.degrees(np.abs(p.rotation)).max() < 4
    assert np.abs(p.translation).max() < 0.015
    assert np.degrees(np.abs(p.eyes_pose)).max() < 30
    assert p.action_units.min() >= 0 and p.action_units.max() <= 5
    np.testing.assert_allclose(p.p_emo.sum(axis=1), 1)
    np.testing.assert_allclose(1 - p.p_emo[:, EMOTIONS.index("neutral")], p.e)  # EmoTaG Eq. 9
    assert p.e.max() <= LEVEL_APEX.get(level, 0.0) + 1e-9
    if level:
        assert p.e.max() > 0.95 * LEVEL_APEX[level]
        np.testing.assert_allclose(p.p_emo[:, EMOTIONS.index(emotion)], p.e)
        assert p.e[0] < 0.1 * p.e.max() and p.e[-1] < 0.8 * p.e.max()  # onset and offset


def test_nothing_jumps():
    closing = ("eyeBlink", "mouthClose", "mouthPress")
    blinks_move = ("eyeWide", "eyeSquint", "eyeLook", "cheekSquint", "cheekRaiser")
    for emotion, level in [("neutral", 0), *EMOTIONAL]:
        for seed in range(3):
            p = perform(say(SENTENCE, emotion, level), NAMES, seed)
            step = np.abs(np.diff(p.expression, axis=0)).max(axis=0)
            others = [i for i, name in enumerate(NAMES) if not name.startswith((*closing, *blinks_move))]
            assert step[others].max() < 0.42, (emotion, level, NAMES[others[step[others].argmax()]])
            assert np.abs(np.diff(p.jaw_pose[:, 0])).max() < 0.13
            assert np.degrees(np.abs(np.diff(p.neck_pose, axis=0))).max() < 3.0
            assert np.abs(np.diff(p.translation, axis=0)).max() < 0.0015


def test_same_seed_same_performance():
    one, two, other = (perform(say(SENTENCE, "happy", 2), NAMES, seed) for seed in (1, 1, 2))
    for item in fields(Performance):
        if item.name != "names":
            assert np.array_equal(getattr(one, item.name), getattr(two, item.name))
    assert not np.allclose(one.neck_pose, other.neck_pose) and not np.allclose(one.e, other.e)


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_levels_rise(emotion):
    for seed in range(3):
        levels = [perform(say(SENTENCE, emotion, level), NAMES, seed) for level in (1, 2, 3)]
        e = np.stack([p.e for p in levels])
        assert (np.diff(e, axis=0) >= 0).all() and (np.diff(e.mean(axis=1)) > 0.15).all()
        for unit in PROTOTYPES[emotion].units:
            if unit in ACTION_UNITS and PROTOTYPES[emotion].units[unit] >= 0.5:
                mean = [au(p, unit).mean() for p in levels]
                assert mean[0] < mean[1] < mean[2], unit


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_prototypes_show_and_tell_emotions_apart(emotion):
    """At the apex of level 3 the units of the emotion are strong, and no other emotion's prototype fits better."""
    sustained = {}
    for name in PROTOTYPES:
        p = perform(say(SENTENCE, name, 3 if name != "neutral" else 0), NAMES, 5)
        sustained[name] = p.action_units[p.e >= 0.75 * p.e.max()].mean(axis=0)
    change = sustained[emotion] - sustained["neutral"]
    for unit, strength in PROTOTYPES[emotion].units.items():
        if unit in ACTION_UNITS and strength >= 0.7:
            assert change[ACTION_UNITS.index(unit)] > 2.0, unit
    fit = {}
    for name, prototype in PROTOTYPES.items():
        if name != "neutral":
            wanted = np.array([prototype.units.get(unit, 0.0) for unit in ACTION_UNITS])
            wanted[ACTION_UNITS.index(26)] = prototype.jaw / 0.2
            fit[name] = change @ wanted / np.linalg.norm(wanted)
    assert max(fit, key=fit.__getitem__) == emotion


def test_action_units_follow_the_table():
    expression = np.zeros((3, len(NAMES)))
    jaw = np.array([0.0, 0.12, 0.0])
    for side in ("_L", "_R"):
        expression[2, NAMES.index(f"mouthSmile{side}")] = 0.5
        expression[2, NAMES.index(f"eyeBlink{side}")] = 1.0
    expression[1, NAMES.index("browInnerUp_L")] = 1.0  # one side: half
    units = action_units(NAMES, expression, jaw)
    assert not units[0].any()
    np.testing.assert_allclose(units[2, [ACTION_UNITS.index(12), ACTION_UNITS.index(45)]], [2.5, 5.0])
    np.testing.assert_allclose(units[1, ACTION_UNITS.index(1)], 2.5)
    assert units[1, ACTION_UNITS.index(25)] > 1 and units[1, ACTION_UNITS.index(26)] == pytest.approx(2.5)
    closed = expression.copy()
    closed[1, NAMES.index("mouthClose")] = 0.12 * 88 / 42
    shut = action_units(NAMES, closed, jaw)[1]
    assert shut[ACTION_UNITS.index(25)] == pytest.approx(0, abs=0.05) and shut[ACTION_UNITS.index(26)] > 2


def test_truth_is_that_of_what_the_head_can_show():
    few = ("eyeBlink_L", "eyeBlink_R", "mouthClose", "mouthSmile_L", "mouthSmile_R")
    p = perform(say(SENTENCE, "surprise", 3), few, 1)
    assert au(p, 1).max() == 0 and au(p, 12).max() > 0


def test_blinks_close_fully_and_come_as_often_as_the_actor_blinks():
    column = NAMES.index("eyeBlink_L")
    for rate in (10.0, 22.0):
        utterance = say(" _ ".join([SENTENCE] * 12))
        blinks = 0
        for seed in range(4):
            lid = perform(utterance, NAMES, seed, Manner(blinks_per_minute=rate)).expression[:, column]
            rises = np.flatnonzero((lid[1:] > 0.5) & (lid[:-1] <= 0.5))
            blinks += len(rises)
            for rise in rises[:-1]:
                assert lid[rise : rise + 5].max() > 0.98
                assert lid[rise - 4 if rise >= 4 else 0] < 0.2 and lid[rise + 9] < 0.3
        per_minute = blinks / (4 * utterance.seconds / 60)
        assert 0.6 * rate < per_minute < 1.5 * rate


def test_fear_blinks_less():
    def count(emotion, level):
        utterance = say(" _ ".join([SENTENCE] * 8), emotion, level)
        lids = [perform(utterance, NAMES, seed).expression[:, NAMES.index("eyeBlink_L")] for seed in range(6)]
        return sum(((lid[1:] > 0.5) & (lid[:-1] <= 0.5)).sum() for lid in lids)

    assert count("fear", 3) < 0.75 * count("neutral", 0)


def test_eyes_stay_with_the_camera_and_lids_with_the_eyes():
    p = perform(say(" _ ".join([SENTENCE] * 8)), NAMES, 2)
    head_pitch, head_yaw = (p.neck_pose + p.rotation)[:, 0], (p.neck_pose + p.rotation)[:, 1]
    pitch, yaw = p.eyes_pose[:, 0], (p.eyes_pose[:, 1] + p.eyes_pose[:, 4]) / 2
    away = np.degrees(np.hypot(pitch + head_pitch, yaw + head_yaw))
    assert np.mean(away < 2.5) > 0.6 and away.max() > 4  # mostly, not always
    open_lids = p.expression[:, NAMES.index("eyeBlink_L")] < 0.01
    down, up = (p.expression[:, NAMES.index(f"eyeLook{way}_L")] for way in ("Down", "Up"))
    assert (down[open_lids & (pitch > 0.03)] > 0).all() and (up[open_lids & (pitch > 0.03)] == 0).all()
    assert (up[open_lids & (pitch < -0.03)] > 0).all() and (down[open_lids & (pitch < -0.03)] == 0).all()


def test_positive_pitch_of_the_eyes_looks_down(open_head):
    import torch

    zero = torch.zeros(1, 3)
    turned = torch.tensor([[0.3, 0, 0, 0.3, 0, 0]])
    rest, down = (
        open_head.vertices(torch.zeros(open_head.n_shape), torch.zeros(1, open_head.n_expression), zero, zero, eyes,
                           zero, zero)[0, open_head.regions["left_eye"]]
        for eyes in (torch.zeros(1, 6), turned)
    )  # fmt: skip
    front = rest[:, 2].argmax()
    assert down[front, 1] < rest[front, 1] - 0.002


def test_emotion_carries_the_head():
    def mean(emotion, level, column=0):
        return np.mean([perform(say(SENTENCE, emotion, level), NAMES, s).neck_pose[:, column].mean() for s in range(6)])

    neutral = mean("neutral", 0)
    assert mean("sad", 3) > neutral + 0.05  # down
    assert mean("surprise", 3) < neutral - 0.03  # back
    assert mean("angry", 3) > neutral + 0.02


def test_emotion_changes_articulation_but_not_the_words():
    def jaw(emotion, level):
        return np.percentile(perform(say(SENTENCE, emotion, level), NAMES, 1).jaw_pose[:, 0], 95)

    assert jaw("sad", 3) < 0.85 * jaw("neutral", 0) < jaw("neutral", 0) < 0.95 * jaw("angry", 3)


def test_actors_differ_and_are_asymmetric():
    manners = [draw_manner(np.random.default_rng(seed)) for seed in range(20)]
    assert np.std([m.articulation for m in manners]) > 0.05
    lopsided = perform(say(SENTENCE, "happy", 3), NAMES, 1, Manner(asymmetry=0.15))
    left, right = (lopsided.expression[:, NAMES.index(f"mouthSmile_{side}")].mean() for side in "LR")
    assert left > 1.1 * right


def test_order_and_choice_of_names_do_not_matter():
    shuffled = tuple(np.random.default_rng(0).permutation(SHAPES))
    one, two = perform(say("a p a"), NAMES, 1), perform(say("a p a"), (*shuffled, "tongueOut"), 1)
    index = [two.names.index(name) for name in NAMES]
    assert np.array_equal(one.expression, two.expression[:, index]) and not two.expression[:, -1].any()


def test_real_voice_in_other_languages():
    for language, text in (("de", "Guten Morgen, liebe Leute."), ("cmn", "你好，今天天气很好。")):
        utterance = speak(text, Voice("f1", 200.0), "happy", 2, language, seed=1)
        p = perform(utterance, NAMES, 1)
        assert len(p.e) == int(np.ceil(utterance.seconds * 25 - 1e-3))
        assert p.jaw_pose[:, 0].max() > 0.06


def test_silence_is_lived_through():
    quiet = replace(say("_ _ _ _"), samples=np.zeros(4 * 16000, np.float32))
    p = perform(quiet, NAMES, 0)
    assert p.jaw_pose[:, 0].max() == 0 and np.ptp(p.neck_pose[:, 1]) > 0
    one = perform(replace(quiet, samples=np.zeros(1, np.float32), phones=()), NAMES, 0)
    assert len(one.e) == 1


def test_exception():
    with pytest.raises(InputError, match="unknown"):
        perform(say("a", "bored", 1), NAMES, 0)
    with pytest.raises(InputError, match="level 4"):
        perform(say("a", "happy", 4), NAMES, 0)
    with pytest.raises(InputError, match="mouthClose"):
        perform(say("a"), ("eyeBlink_L", "eyeBlink_R"), 0)
