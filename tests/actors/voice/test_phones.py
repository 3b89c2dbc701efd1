from itertools import pairwise

import numpy as np
import pytest

from emotag.actors.voice.espeak import Manner, synthesize
from emotag.actors.voice.phones import find_phones, is_voiced, parse_name


@pytest.mark.parametrize(
    ("name", "ipa", "stress"),
    [
        ("ˈaɪ", "aɪ", 2), ("ˌə", "ə", 1), ("m", "m", 0), ("ɑː", "ɑː", 0), ("ˈɔ̃", "ɔ̃", 2), ("t͡ʃ", "t͡ʃ", 0),
        ("(en)b", "b", 0), ("(cmn)", "", 0), ("(e", "", 0), ("i5", "i", 0), ("S", "ʃ", 0), ("g", "ɡ", 0),
        ("t̪", "t̪", 0), ("", "", 0), ('"a', "a", 0),
    ],
)  # fmt: skip
def test_names(name, ipa, stress):
    assert parse_name(name) == (ipa, stress)


def test_voicing():
    assert is_voiced("m") and is_voiced("aɪ") and is_voiced("ʔe") and is_voiced("z")
    assert not is_voiced("p") and not is_voiced("") and not is_voiced("tʃ")


@pytest.fixture(scope="module")
def speech():
    return synthesize("My papa, Bob, keeps a map. A mama beams, happy.", "en-us", "m3", Manner(rate_wpm=150))


def level(speech, start_s, end_s):
    piece = speech.samples[round(start_s * speech.rate) : round(end_s * speech.rate)]
    return float(np.sqrt(np.mean(np.square(piece))))


def test_phones_cover_the_sound(speech):
    phones = find_phones(speech)
    assert phones[0].start_s == 0 and phones[-1].end_s == len(speech.samples) / speech.rate
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))
    assert all(phone.end_s > phone.start_s for phone in phones)
    assert not any(set("ˈˌ") & set(phone.ipa) for phone in phones)


def test_lips_close_as_often_as_the_text_says(speech):
    sounds = [phone.ipa for phone in find_phones(speech)]
    assert sounds.count("p") == 5  # papa, keeps, map, happy
    assert sounds.count("b") == 3  # Bob, beams
    assert sounds.count("m") == 5  # my, map, mama, beams


def test_pauses_are_quiet_and_vowels_sound(speech):
    phones = find_phones(speech)
    pauses = [phone for phone in phones if not phone.ipa]
    vowels = [phone for phone in phones if phone.ipa[:1] in tuple("aæɑɐieouʌəɪ")]
    assert len(pauses) >= 4 and len(vowels) >= 8  # after papa, Bob, map, beams, happy
    loudest_pause = max(level(speech, pause.start_s, pause.end_s) for pause in pauses)
    assert loudest_pause < 0.02 * min(level(speech, vowel.start_s, vowel.end_s) for vowel in vowels)


def test_closure_belongs_to_its_stop(speech):
    """In a voiceless stop between vowels silence comes first, then the burst; espeak-ng's mark is at the burst."""
    phones = find_phones(speech)
    inner = [b for a, b in pairwise(phones) if b.ipa == "p" and a.ipa]
    assert len(inner) >= 3
    marks = np.array([mark.sample for mark in speech.marks if mark.name == "p"]) / speech.rate
    for phone in inner:
        burst = marks[np.abs(marks - (phone.start_s + phone.end_s) / 2).argmin()]
        assert phone.start_s + 0.015 < burst < phone.end_s
        assert level(speech, phone.start_s + 0.003, burst - 0.003) < 0.05 * level(speech, burst, phone.end_s)


def test_vowel_starts_at_the_release_of_a_nasal(speech):
    """The mouth opens at the boundary: power above 400 Hz jumps there, at espeak-ng's own mark it is already high."""
    phones = find_phones(speech)
    jumps, at_marks = [], []
    marks = np.array([mark.sample for mark in speech.marks]) / speech.rate

    def jump(time_s):
        size = round(0.012 * speech.rate)
        at = round(time_s * speech.rate)
        parts = (speech.samples[at - size : at], speech.samples[at : at + size])
        power = [np.square(np.abs(np.fft.rfft(part * np.hanning(size), 1024))) for part in parts]
        first = round(400 / speech.rate * 1024)
        return 10 * np.log10(power[1][first:].sum() / power[0][first:].sum())

    for before, phone in pairwise(phones):
        if before.ipa == "m" and phone.ipa[:1] in tuple("aæɑɐɪi"):
            later = marks[marks >= phone.start_s - 1e-6].min()
            assert later - phone.start_s <= 0.061
            jumps.append(jump(phone.start_s))
            at_marks.append(jump(later))
    assert len(jumps) >= 3
    assert np.mean(jumps) > 6
    assert np.mean(jumps) > np.mean(at_marks) + 3


def test_stress(speech):
    stressed = [phone.ipa for phone in find_phones(speech) if phone.stress == 2]
    assert "æ" in stressed and all(phone.stress == 0 for phone in find_phones(speech) if not phone.ipa)
