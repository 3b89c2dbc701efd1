import hashlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from emotag.actors.voice.espeak import Manner, languages, resolve, synthesize, variant_pitch, variants
from emotag.actors.voice.pitch import track_pitch
from emotag.errors import InputError

TEXT = "Put the big map by the pump."


def digest(variant: str) -> str:
    return hashlib.sha256(synthesize(TEXT, "en-us", variant, Manner()).samples.tobytes()).hexdigest()


def test_same_call_same_samples_in_any_order():
    first = digest("m1")
    synthesize("Etwas ganz anderes, oder?", "de", "f1", Manner(rate_wpm=250, pitch=80))
    assert digest("m1") == first
    assert digest("m3") != first


def test_same_samples_in_threads_and_processes():
    here = [digest("m1"), digest("f1")]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(digest, ["m1", "f1"] * 4)) == here * 4
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(digest, ["m1", "f1"])) == here


def test_manner_changes_rate_and_pitch():
    slow, fast = (synthesize(TEXT, "en-us", "m3", Manner(rate_wpm=rate)) for rate in (120, 240))
    assert len(slow.samples) > 1.4 * len(fast.samples)
    low, high = (synthesize(TEXT, "en-us", "m3", Manner(pitch=pitch)) for pitch in (10, 90))
    low_f0, high_f0 = (track_pitch(speech.samples, speech.rate, 40, 300) for speech in (low, high))
    assert np.median(high_f0[high_f0 > 0]) > 1.8 * np.median(low_f0[low_f0 > 0])


def test_marks_are_in_order_and_inside():
    speech = synthesize(TEXT, "en-us", "m3", Manner())
    times = [mark.sample for mark in speech.marks]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= len(speech.samples)
    assert speech.samples.dtype == np.float32 and np.abs(speech.samples).max() <= 1
    assert [mark.name.strip("ˈˌ") for mark in speech.marks].count("p") == 4


def test_languages():
    codes = languages()
    assert len(codes) > 130
    assert {"en-us", "en-gb", "de", "fr", "cmn", "zh", "ar", "ja", "ru", "hi", "es", "no"} <= set(codes)
    assert "fo" not in codes  # it has a voice but no rules of pronunciation
    assert resolve("zh") == resolve("cmn") and resolve("EN-US") == resolve("en-us")


@pytest.mark.parametrize(
    ("language", "text", "phone"),
    [
        ("de", "Guten Morgen, mein lieber Papa.", "ɔ"),
        ("fr", "Bonjour, comment allez-vous ?", "ɔ̃"),
        ("cmn", "你好，我的妈妈很高兴。", "m"),
        ("ar", "مرحبا كيف حالك", "ħ"),
        ("ru", "Мама мыла раму.", "m"),
        ("ja", "わたしはあなたがすきです", "ɕ"),
    ],
)
def test_other_languages_have_their_sounds(language, text, phone):
    names = [mark.name.strip("ˈˌ") for mark in synthesize(text, language, "f1", Manner()).marks]
    assert len(names) > 8
    assert phone in names


def test_variants():
    assert {"f1", "m1", "m3", "m7", "Annie"} <= set(variants())
    assert variant_pitch("m3") == (80.0, 122.0)


@pytest.mark.parametrize(
    ("text", "language", "variant", "message"),
    [
        ("", "en-us", "m1", "empty"),
        ("  \n", "en-us", "m1", "empty"),
        ("\0", "en-us", "m1", "empty"),
        ("…", "en-us", "m1", "nothing to say"),
        ("Hello", "xx", "m1", "unknown language 'xx'"),
        ("Hello", "en-us", "f99", "unknown voice variant 'f99'"),
    ],
)
def test_exception(text, language, variant, message):
    with pytest.raises(InputError, match=message) as caught:
        synthesize(text, language, variant, Manner())
    assert "\n" not in str(caught.value)
