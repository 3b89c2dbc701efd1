from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from emotag.actors.voice.voices import VARIANTS, VOICES, Voice, draw_voice, find_voice
from emotag.errors import InputError


def test_named_voices_differ():
    assert len(VOICES) == 8
    for sex in ("female", "male"):
        assert sum(voice.variant in VARIANTS[sex] for voice in VOICES.values()) == 4
    assert len({voice.variant for voice in VOICES.values()}) == 8
    pitches = sorted(voice.pitch_hz for voice in VOICES.values())
    assert np.diff(np.log2(pitches)).min() * 12 > 0.7  # semitones


def test_drawn_voices():
    assert draw_voice(3, "female") == draw_voice(3, "female") == draw_voice(np.random.default_rng(3), "female")
    many = [draw_voice(seed, "male") for seed in range(40)]
    assert len(set(many)) == 40
    assert {voice.variant for voice in many} == set(VARIANTS["male"])
    women = [draw_voice(seed, "female").pitch_hz for seed in range(40)]
    assert min(women) > max(voice.pitch_hz for voice in many)


def test_exception():
    with pytest.raises(InputError, match="unknown voice 'nobody'"):
        find_voice("nobody")
    with pytest.raises(InputError, match="unknown sex"):
        draw_voice(0, "other")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown voice variant"):
        Voice("nothing", 120)
    with pytest.raises(InputError, match="pitch_hz is 900"):
        Voice("m1", 900)
    with pytest.raises(FrozenInstanceError):
        find_voice("alto").pitch_hz = 3  # type: ignore[misc]
    assert replace(find_voice("alto"), tract=1.1).tract == 1.1
