from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest

from emotag.actors.types import Phone, Utterance
from emotag.actors.voice.effects import active_level
from emotag.actors.voice.phones import VOWELS, is_voiced
from emotag.actors.voice.pitch import STEP_S, track_pitch
from emotag.actors.voice.prosody import EXTREMES, Delivery, find_phrases, melody, plan_delivery
from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import VOICES
from emotag.errors import InputError
from emotag.vocabulary import EMOTIONS

TEXT = "Mama, bring my map. We may go a long way now."
NAMES = ("baritone", "clear")


@lru_cache
def say(name: str, emotion: str, level: int) -> Utterance:
    return speak(TEXT, VOICES[name], emotion, level)


def tones(name: str, emotion: str, level: int) -> np.ndarray:
    """F0 of voiced columns, semitones above the speaker's usual."""
    utterance, usual = say(name, emotion, level), VOICES[name].pitch_hz
    f0 = track_pitch(utterance.samples, utterance.rate, usual * 0.5, usual * 3)
    times = np.arange(len(f0)) * STEP_S
    for phone in utterance.phones:
        if not is_voiced(phone.ipa):
            f0[(times >= phone.start_s) & (times < phone.end_s)] = 0
    return 12 * np.log2(f0[f0 > 0] / usual)


def loudness(name: str, emotion: str, level: int) -> float:
    utterance = say(name, emotion, level)
    return active_level(utterance.samples, utterance.rate)


def brightness(name: str, emotion: str, level: int) -> float:
    """Energy above 2 kHz against all, dB."""
    utterance = say(name, emotion, level)
    power = np.square(np.abs(np.fft.rfft(utterance.samples)))
    return float(10 * np.log10(power[round(2000 * len(utterance.samples) / utterance.rate) :].sum() / power.sum()))


def effective(utterance: Utterance, phone: Phone) -> float:
    """RMS of a phone, less the 10 ms at both ends in which a neighbour fades."""
    start, end = (round(time_s * utterance.rate) for time_s in (phone.start_s + 0.01, phone.end_s - 0.01))
    return float(np.std(utterance.samples[start : max(end, start + 1)]))


def test_every_emotion_covers_its_plan():
    assert set(EXTREMES) == set(EMOTIONS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_utterance(name, emotion):
    utterance = say(name, emotion, 0 if emotion == "neutral" else 3)
    assert utterance.samples.dtype == np.float32 and utterance.samples.ndim == 1
    assert np.isfinite(utterance.samples).all() and np.abs(utterance.samples).max() <= 1
    assert np.mean(np.abs(utterance.samples) > 0.9) < 1e-3  # not clipped
    phones = utterance.phones
    assert phones[0].start_s == 0 and phones[-1].end_s == pytest.approx(utterance.seconds)
    assert all(a.end_s == b.start_s and a.end_s > a.start_s for a, b in pairwise(phones))
    assert [phone.ipa for phone in phones].count("m") == 5
    pauses = [effective(utterance, phone) for phone in phones if not phone.ipa]
    vowels = [effective(utterance, phone) for phone in phones if phone.ipa[:1] in VOWELS]
    assert pauses and max(pauses) < 0.05 * np.median(vowels)


def test_same_call_same_samples():
    first = say("clear", "fear", 2)
    speak("Something else.", VOICES["bass"], "angry", 3, seed=7)
    again = speak(TEXT, VOICES["clear"], "fear", 2)
    assert np.array_equal(first.samples, again.samples) and first.phones == again.phones
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        others = list(pool.map(speak, [TEXT] * 2, [VOICES["clear"]] * 2, ["fear"] * 2, [2] * 2))
    assert all(np.array_equal(first.samples, other.samples) for other in others)


def test_nobody_says_a_thing_twice_alike():
    lengths, levels = [], []
    for seed in range(6):
        utterance = speak("We may go now.", VOICES["clear"], seed=seed)
        lengths.append(utterance.seconds)
        levels.append(active_level(utterance.samples, utterance.rate))
    assert len(set(lengths)) > 3 and max(lengths) < 1.35 * min(lengths)
    assert 0.3 < np.ptp(levels) < 6


@pytest.mark.parametrize("name", NAMES)
def test_emotions_differ_as_the_literature_says(name):
    """Banse & Scherer 1996; Juslin & Laukka 2003; Scherer 2003."""
    level = {emotion: loudness(name, emotion, 0 if emotion == "neutral" else 3) for emotion in EMOTIONS}
    assert level["angry"] > level["happy"] > level["neutral"] > level["sad"]
    assert level["angry"] - level["sad"] > 12
    mean = {emotion: np.median(tones(name, emotion, 3)) for emotion in ("angry", "fear", "happy", "sad", "surprise")}
    usual = np.median(tones(name, "neutral", 0))
    assert min(mean["fear"], mean["surprise"], mean["happy"], mean["angry"]) > usual + 2 > usual > mean["sad"] + 1
    assert mean["fear"] > mean["happy"] > mean["sad"]
    spread = {emotion: np.ptp(np.percentile(tones(name, emotion, 3), (10, 90))) for emotion in ("happy", "fear", "sad")}
    assert spread["happy"] > 1.5 * spread["sad"] and spread["happy"] > 1.3 * spread["fear"]
    seconds = {emotion: say(name, emotion, 0 if emotion == "neutral" else 3).seconds for emotion in EMOTIONS}
    assert seconds["fear"] < seconds["angry"] < seconds["neutral"] < min(seconds["sad"], seconds["disgust"])
    bright = {emotion: brightness(name, emotion, 0 if emotion == "neutral" else 3) for emotion in EMOTIONS}
    assert bright["angry"] > bright["happy"] > bright["neutral"] > bright["sad"]


@pytest.mark.parametrize("name", NAMES)
def test_levels_scale(name):
    def rises(values, least):
        return np.all(np.diff(values) > 0) and values[-1] - values[0] > least

    neutral = loudness(name, "neutral", 0)
    assert rises([neutral, *(loudness(name, "angry", level) for level in (1, 2, 3))], 6)
    assert rises([-neutral, *(-loudness(name, "sad", level) for level in (1, 2, 3))], 5)
    usual = np.median(tones(name, "neutral", 0))
    assert rises([usual, *(np.median(tones(name, "fear", level)) for level in (1, 2, 3))], 4)
    assert rises([usual, *(np.percentile(tones(name, "surprise", level), 90) for level in (1, 2, 3))], 5)
    assert rises([np.std(tones(name, "happy", level)) for level in (1, 2, 3)], 0.5)
    assert rises([say(name, "disgust", level).seconds for level in (1, 2, 3)], 0.3)


def test_plan_scales_every_change_with_the_level():
    for emotion in EMOTIONS[:-1]:
        one, two, three = (plan_delivery(emotion, level) for level in (1, 2, 3))
        for field in Delivery.__dataclass_fields__:
            sizes = [abs(getattr(plan, field)) for plan in (one, two, three)]
            assert sizes[2] == 0 or 0 < sizes[0] < sizes[1] < sizes[2]
    assert plan_delivery("neutral", 0) == Delivery()
    assert plan_delivery("sad", 3, expressiveness=0.5).gain == EXTREMES["sad"].gain / 2


def test_melody_of_surprise_rises_and_of_anger_falls_at_the_end():
    phones = say("clear", "neutral", 0).phones
    _, end_s = find_phrases(phones)[-1]
    at = round(end_s / 0.005)
    for emotion, sign in (("surprise", 1), ("angry", -1), ("disgust", -1)):
        curve = melody(phones, plan_delivery(emotion, 3))
        assert sign * (curve[at] - curve[at - 60]) > 1.5  # over 0.3 s


def test_tract_scales_formants_and_nothing_else():
    usual = VOICES["baritone"]
    short, long = (speak(TEXT, replace(usual, tract=tract)) for tract in (1.12, 0.9))
    assert short.seconds == pytest.approx(long.seconds, rel=0.08)
    pitch = [np.median(f0[f0 > 0]) for f0 in (track_pitch(u.samples, u.rate, 60, 250) for u in (short, long))]
    assert pitch[0] == pytest.approx(pitch[1], rel=0.03)

    def centroid(utterance):
        power = np.abs(np.fft.rfft(utterance.samples))
        hz = np.fft.rfftfreq(len(utterance.samples), 1 / utterance.rate)
        band = (hz > 300) & (hz < 5000)
        return (power * hz)[band].sum() / power[band].sum()

    assert centroid(short) > 1.05 * centroid(long)


@pytest.mark.parametrize(
    ("language", "text"),
    [("de", "Wir gehen morgen in die Oper."), ("fr", "Je ne sais pas encore."), ("cmn", "你好，我的妈妈很高兴。"),
     ("zh", "我不知道。"), ("ar", "مرحبا كيف حالك"), ("hi", "नमस्ते आप कैसे हैं"), ("es", "Buenos días, amigo mío.")],
)  # fmt: skip
def test_languages(language, text):
    sad, angry = (speak(text, VOICES["alto"], emotion, 3, language=language) for emotion in ("sad", "angry"))
    assert sum(bool(phone.ipa) for phone in sad.phones) >= 6
    assert active_level(angry.samples, angry.rate) > active_level(sad.samples, sad.rate) + 10
    assert sad.seconds > angry.seconds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": " "}, "empty"),
        ({"emotion": "bored", "level": 1}, "unknown emotion 'bored'"),
        ({"emotion": "happy"}, "level of happy is 0"),
        ({"emotion": "happy", "level": 4}, "level of happy is 4"),
        ({"level": 1}, "neutral has only level 0"),
        ({"language": "klingonese"}, "unknown language"),
    ],
)
def test_exception(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        speak(**({"text": "Hello", "voice": VOICES["alto"]} | arguments))
    assert "\n" not in str(caught.value)
