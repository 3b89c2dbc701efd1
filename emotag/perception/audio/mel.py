"""Mel spectra: power through triangular filters on Slaney's mel scale, each of unit area.

The figures are those of librosa (0.11) with its default scale and norm, which takes seconds to import.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotag.media.audio import SAMPLE_RATE

_LINEAR_HZ = 200 / 3  # Hz per mel below _KNEE_HZ (Slaney, Auditory Toolbox, 1998)
_KNEE_HZ = 1000.0
_OCTAVES = np.log(6.4) / 27  # above: 27 mel for a factor of 6.4


def mel_frequencies(count: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:  # (count,) Hz
    """Give frequencies that are evenly spaced in mel, ends included."""
    return _to_hz(np.linspace(_to_mel(low_hz), _to_mel(high_hz), count))


def _to_mel(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz / _LINEAR_HZ
    return float(_KNEE_HZ / _LINEAR_HZ + np.log(hertz / _KNEE_HZ) / _OCTAVES)


def _to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE_HZ / _LINEAR_HZ
    return np.where(mel < knee, mel * _LINEAR_HZ, _KNEE_HZ * np.exp(_OCTAVES * np.maximum(mel - knee, 0)))


@lru_cache(maxsize=4)
def mel_filters(bands: int, low_hz: float, high_hz: float, fft: int) -> NDArray[np.float32]:  # (bands, fft // 2 + 1)
    """Give triangles from each mel frequency to the next but one, over the bins of a Fourier transform."""
    edges = mel_frequencies(bands + 2, low_hz, high_hz)[:, None]
    bins = np.fft.rfftfreq(fft, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (2 / (edges[2:] - edges[:-2]) * triangles).astype(np.float32)


def mel_power(
    waveform: NDArray[np.float32],  # (fft + (columns - 1) · hop,)
    filters: NDArray[np.float32],  # (M, fft // 2 + 1), from `mel_filters`
    window: int,  # samples of the Hann window, in the middle of the transform
    hop: int,
) -> NDArray[np.float32]:  # (columns, M)
    """Give the power in each band of every column; the first column begins at the waveform's first sample."""
    fft = 2 * (filters.shape[1] - 1)
    taper = np.zeros(fft)
    start = (fft - window) // 2
    taper[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    columns = np.lib.stride_tricks.sliding_window_view(waveform, fft)[::hop]
    spectrum = np.fft.rfft(columns * taper, axis=1).astype(np.complex64)
    return np.square(np.abs(spectrum)) @ filters.T
