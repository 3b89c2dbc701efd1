"""MFCC against a second implementation, written loop by loop from python_speech_features' definition."""

import math
from itertools import pairwise

import numpy as np
import pytest

from emotag.metrics.mfcc import frames, mel_filters, mfcc

RATE = 16_000


def slow_mfcc(samples: list[float]) -> list[list[float]]:
    """Everything by hand: no FFT, no library DCT, no array arithmetic but sums."""
    emphasised = [samples[0]] + [b - 0.97 * a for a, b in pairwise(samples)]
    count = 1 if len(emphasised) <= 400 else 1 + math.ceil((len(emphasised) - 400) / 160)
    emphasised += [0.0] * ((count - 1) * 160 + 400 - len(emphasised))
    mel = lambda hertz: 2595 * math.log10(1 + hertz / 700)  # noqa: E731
    hertz = lambda m: 700 * (10 ** (m / 2595) - 1)  # noqa: E731
    corners = [math.floor(513 * hertz(mel(8000) * k / 27) / RATE) for k in range(28)]
    turn = -2j * np.pi / 512
    rows = []
    for frame in range(count):
        part = np.array(emphasised[frame * 160 : frame * 160 + 400])
        power = [abs((part * np.exp(turn * k * np.arange(400))).sum()) ** 2 / 512 for k in range(257)]
        bands = []
        for j in range(26):
            low, middle, high = corners[j : j + 3]
            total = sum(power[k] * (k - low) / (middle - low) for k in range(low, middle))
            bands.append(total + sum(power[k] * (high - k) / (high - middle) for k in range(middle, high)))
        logs = [math.log(band or np.finfo(float).eps) for band in bands]
        row = []
        for n in range(13):
            scale = math.sqrt((1 if n == 0 else 2) / 26)
            value = scale * sum(x * math.cos(math.pi * n * (2 * k + 1) / 52) for k, x in enumerate(logs))
            row.append(value * (1 + 11 * math.sin(math.pi * n / 22)))
        row[0] = math.log(sum(power) or np.finfo(float).eps)
        rows.append(row)
    return rows


@pytest.mark.parametrize("length", [1600, 1601, 400, 90])
def test_it_is_the_definition(length: int) -> None:
    rng = np.random.default_rng(length)
    samples = np.round(rng.normal(0, 2000, length) + 9000 * np.sin(np.arange(length) / 9)).astype(np.int16)
    np.testing.assert_allclose(mfcc(samples, RATE), slow_mfcc([float(x) for x in samples]), rtol=1e-9, atol=1e-9)


def test_a_known_value_by_hand() -> None:
    """One sample of 1000 in silence: after pre-emphasis 1000 and −970, so the energy is a known sum over 257 bins."""
    samples = np.zeros(400, np.int16)
    samples[0] = 1000
    bins = np.arange(257)
    power = (1000**2 + 970**2 - 2 * 1000 * 970 * np.cos(2 * np.pi * bins / 512)) / 512
    assert mfcc(samples, RATE)[0, 0] == pytest.approx(math.log(power.sum()))


def test_silence_is_finite() -> None:
    found = mfcc(np.zeros(3200, np.int16), RATE)
    assert found.shape == (19, 13) and np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(math.log(np.finfo(float).eps))


def test_frames_and_filters() -> None:
    cut = frames(np.arange(1.0, 12.0), 4, 3)
    np.testing.assert_array_equal(cut, [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9, 10], [10, 11, 0, 0]])
    filters = mel_filters(512, RATE)
    assert filters.shape == (26, 257) and filters.max() == 1 and (filters.max(axis=1) == 1).all()
    np.testing.assert_allclose(filters[:, 2:200].sum(axis=0), 1)  # neighbours share every bin between them


def test_four_columns_a_video_frame() -> None:
    assert len(mfcc(np.ones(RATE * 2, np.int16), RATE)) == 199  # 100 Hz, less what the last 25 ms would need


def test_exception() -> None:
    with pytest.raises(ValueError, match="not empty"):
        mfcc(np.zeros(0, np.int16), RATE)
    with pytest.raises(ValueError, match=r"\(N,\)"):
        mfcc(np.zeros((2, 800), np.int16), RATE)
