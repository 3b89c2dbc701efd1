"""Mel spectra and probabilistic YIN: known tones, and agreement with librosa."""

import numpy as np
import pytest

from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.mel import mel_filters, mel_frequencies, mel_power
from emotag.perception.audio.pyin import pyin, yin_difference

WINDOW, HOP = 1024, 160
RANGE = {"low_hz": 65.0, "high_hz": 500.0}


def glide(low_hz: float, high_hz: float, seconds: float, noise: float = 0.003) -> np.ndarray:
    """A voice-like tone that glides, its second quarter silent but for noise."""
    count = int(SAMPLE_RATE * seconds)
    f0 = np.geomspace(low_hz, high_hz, count)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    tone = 0.1 * sum(np.sin(k * phase) / k**2 for k in range(1, 9))
    tone[count // 4 : count // 2] = 0
    return (tone + np.random.default_rng(0).normal(0, noise, count)).astype(np.float32)


def test_a_glide_is_followed_and_a_pause_is_unvoiced() -> None:
    sound = glide(100, 200, 2.0)
    track = pyin(sound, **RANGE, window=WINDOW, hop=HOP, per_semitone=5)
    middle = (np.arange(len(track.f0_hz)) * HOP + WINDOW / 2) / len(sound)
    truth = 100 * 2**middle
    sounding = ((middle > 0.05) & (middle < 0.2)) | ((middle > 0.55) & (middle < 0.95))
    pause = (middle > 0.3) & (middle < 0.45)
    assert track.voiced[sounding].mean() > 0.95 and track.voiced[pause].mean() < 0.1
    heard = sounding & track.voiced
    semitones = 12 * np.abs(np.log2(track.f0_hz[heard] / truth[heard]))
    assert np.median(semitones) < 0.15 and semitones.max() < 1


def test_the_difference_is_least_at_the_period() -> None:
    columns = np.sin(2 * np.pi * np.arange(WINDOW) / 80).astype(np.float32)[None]
    difference = yin_difference(columns, 32, 247)
    assert 32 + int(difference[0, :100].argmin()) == 80


def test_silence_has_no_voice() -> None:
    track = pyin(np.zeros(WINDOW + 9 * HOP, np.float32), **RANGE, window=WINDOW, hop=HOP, per_semitone=5)
    assert not track.voiced.any() and len(track.voiced) == 10


@pytest.mark.parametrize("seed", [0, 1])
def test_pitch_agrees_with_librosa(seed: int) -> None:
    librosa = pytest.importorskip("librosa")
    low, high = ((90, 180), (300, 160))[seed]
    sound = glide(low, high, 1.5, noise=0.01)
    f0, voiced, _ = librosa.pyin(
        sound, sr=SAMPLE_RATE, fmin=65.0, fmax=500.0, frame_length=WINDOW, hop_length=HOP, resolution=0.2,
        center=False, fill_na=None,
    )  # fmt: skip
    track = pyin(sound, **RANGE, window=WINDOW, hop=HOP, per_semitone=5)
    # Rounding of sums moves a candidate that lies between two bins now and then.
    assert np.isclose(track.f0_hz, f0, rtol=1e-9).mean() > 0.99
    assert (track.voiced == voiced).mean() > 0.99


def test_mel_power_agrees_with_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    sound = glide(90, 250, 1.0)
    expected = librosa.feature.melspectrogram(
        y=sound, sr=SAMPLE_RATE, n_fft=512, win_length=400, hop_length=HOP, center=False, n_mels=80, fmin=60, fmax=8000
    )
    mine = mel_power(sound, mel_filters(80, 60, 8000, 512), 400, HOP)
    np.testing.assert_allclose(mine, expected.T, rtol=1e-5)


def test_mel_frequencies() -> None:
    np.testing.assert_allclose(mel_frequencies(4, 0, 600), [0, 200, 400, 600])  # linear below 1 kHz
    up = mel_frequencies(28, 1000, 6400)
    np.testing.assert_allclose(up[1:] / up[:-1], 6.4 ** (1 / 27))


def test_a_pure_tone_lands_in_its_band() -> None:
    sound = np.sin(2 * np.pi * 1000 * np.arange(4000) / SAMPLE_RATE).astype(np.float32)
    bands = mel_power(sound, mel_filters(40, 60, 8000, 512), 400, HOP)
    centre = mel_frequencies(42, 60, 8000)[1:-1][bands.mean(axis=0).argmax()]
    assert abs(centre - 1000) < 60
