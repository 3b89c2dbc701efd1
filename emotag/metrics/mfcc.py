"""Mel-frequency cepstral coefficients as python_speech_features defines them: what SyncNet hears.

Each step by that package's defaults: pre-emphasis 0.97, 25 ms frames without a window every 10 ms, power spectrum over
512 points, 26 triangular filters between 0 Hz and half the rate whose corners are rounded down to bins, natural log,
orthonormal DCT-II, lifter 22, and the log of the frame's energy in the place of coefficient 0.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

COEFFICIENTS = 13
FILTERS = 26
FRAME_S, HOP_S = 0.025, 0.01
PRE_EMPHASIS = 0.97
LIFTER = 22

_EPSILON = np.finfo(float).eps  # stands for a power of 0, whose log would be −∞


def mfcc(
    samples: NDArray[np.integer] | NDArray[np.floating],  # (N,) int16 values (not scaled to ±1)
    rate: int,  # samples a second
) -> NDArray[np.float64]:  # (F, 13)
    """Give the coefficients of every 10 ms. Raises ValueError on a signal that is empty or not (N,)."""
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"the signal must be (N,) and not empty, got {samples.shape}")
    length, hop = round(FRAME_S * rate), round(HOP_S * rate)
    points = 1 << (length - 1).bit_length()
    signal = samples.astype(np.float64)
    emphasised = np.concatenate((signal[:1], signal[1:] - PRE_EMPHASIS * signal[:-1]))
    power = np.abs(np.fft.rfft(frames(emphasised, length, hop), points)) ** 2 / points
    energy = power.sum(axis=1)
    bands = power @ mel_filters(points, rate).T
    cepstra = dct(np.log(_positive(bands)), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = np.log(_positive(energy))
    return cepstra


def frames(
    signal: NDArray[np.float64],  # (N,)
    length: int,
    hop: int,
) -> NDArray[np.float64]:  # (F, length)
    """Cut a signal into overlapping frames; the last one is filled up with zeros."""
    count = 1 + max(0, -(-(len(signal) - length) // hop))
    padded = np.zeros((count - 1) * hop + length)
    padded[: len(signal)] = signal[: len(padded)]
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def mel_filters(
    points: int,  # of the spectrum
    rate: int,
) -> NDArray[np.float64]:  # (26, points // 2 + 1)
    """Give the triangular filters, equally wide on the mel scale 2595 · log10(1 + f / 700)."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    bins = np.floor((points + 1) * corners / rate)
    place = np.arange(points // 2 + 1)
    low, middle, high = bins[:-2, None], bins[1:-1, None], bins[2:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # at 8 kHz and below two corners may share a bin
        rising = np.where((place >= low) & (place < middle), (place - low) / (middle - low), 0)
        falling = np.where((place >= middle) & (place < high), (high - place) / (high - middle), 0)
    return rising + falling


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values == 0, _EPSILON, values)
