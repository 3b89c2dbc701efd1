"""Probabilistic YIN: F0 of a voice, and where there is one (Mauch & Dixon, ICASSP 2014).

Each column's YIN function (de Cheveigné & Kawahara, JASA 2002) gives candidate periods with probabilities; a hidden
Markov model over pitch bins, voiced and unvoiced, takes the likeliest path through them. Choices that the paper leaves
open are librosa's (0.11), so that both give the same track; librosa's import takes longer than this whole analysis.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotag.media.audio import SAMPLE_RATE

Array = NDArray[np.float64]

_THRESHOLDS = 100
_BETA_DRAWS = 19  # the prior over thresholds is Beta(2, 18): the second smallest of 19 uniform draws
_TROUGH_DECAY = 2.0  # how fast the weight of a column's 2nd, 3rd … trough falls
_NO_TROUGH = 0.01  # weight of the lowest trough where none lies below the threshold
_SWITCH = 0.01  # probability per column that voicing begins or ends
_OCTAVES_PER_SECOND = 35.92  # fastest glide, up and down together


class PitchTrack(NamedTuple):
    """F0 of C columns."""

    f0_hz: Array  # (C,) of the pitch bin on the path, also where not voiced
    voiced: NDArray[np.bool_]  # (C,)


def pyin(
    waveform: NDArray[np.float32],  # (window + (C - 1) · hop,)
    *,
    low_hz: float,
    high_hz: float,
    window: int,  # samples
    hop: int,  # samples
    per_semitone: int,  # pitch bins a semitone
) -> PitchTrack:
    """Track F0; column k is the window that begins at sample k · hop."""
    columns = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    shortest = math.floor(SAMPLE_RATE / high_hz)
    longest = min(math.ceil(SAMPLE_RATE / low_hz), window - 1)
    difference = yin_difference(columns, shortest, longest)
    bins = math.floor(12 * per_semitone * math.log2(high_hz / low_hz)) + 1
    steps = 12 * per_semitone
    voiced = np.zeros((len(columns), bins))
    shifts = _vertex_shifts(difference)
    weights = np.stack([_trough_weights(row) for row in difference])
    period, column = np.nonzero(weights.T)  # by period, so that of candidates in one bin the longest period stays
    hertz = SAMPLE_RATE / (shortest + period + shifts[column, period])
    found = np.round(steps * np.log2(hertz / low_hz)).astype(int).clip(min=0)
    inside = found < bins
    voiced[column[inside], found[inside]] = weights[column[inside], period[inside]]
    reach = round(_OCTAVES_PER_SECOND * 12 * hop / SAMPLE_RATE) * per_semitone // 2
    states = _likeliest_path(voiced, _glides(bins, reach))
    return PitchTrack(low_hz * 2 ** ((states % bins) / steps), states < bins)


def yin_difference(
    columns: NDArray[np.float32],  # (C, window)
    shortest: int,  # samples
    longest: int,  # samples
) -> NDArray[np.float32]:  # (C, longest - shortest + 1)
    """Give YIN's normalised difference of every column with itself, moved by each period (its Eq. 8)."""
    window = columns.shape[1]
    spectrum = np.fft.rfft(columns, n=2 * window, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    correlation = np.fft.irfft(power, n=2 * window, axis=1)[:, : longest + 1].astype(np.float32)
    head = np.cumsum(np.square(columns), axis=1)[:, :longest]  # energy that the move leaves without a partner
    head[:, 0] = 0
    difference = 2 * (correlation[:, :1] - correlation[:, 1:]) - head
    mean = np.cumsum(difference, axis=1) / np.arange(1, longest + 1)
    tiny = np.finfo(np.float32).tiny
    return difference[:, shortest - 1 :] / (mean[:, shortest - 1 :] + tiny)


def _vertex_shifts(rows: NDArray[np.floating]) -> NDArray[np.floating]:  # same shape (C, K)
    """Give where the parabola through each value and its neighbours has its vertex; 0 if beyond them."""
    bend = rows[:, 2:] + rows[:, :-2] - 2 * rows[:, 1:-1]
    slope = (rows[:, 2:] - rows[:, :-2]) / 2
    near = np.abs(slope) < np.abs(bend)
    shifts = np.zeros_like(rows)
    shifts[:, 1:-1] = np.where(near, -slope / np.where(near, bend, 1), 0)
    return shifts


def _threshold_prior() -> Array:  # (_THRESHOLDS,)
    """Give Beta(2, 18)'s mass between thresholds: that at least two of 19 draws lie below x, in closed form."""
    above = 1 - np.linspace(0, 1, _THRESHOLDS + 1)
    below_two = above**_BETA_DRAWS + _BETA_DRAWS * (1 - above) * above ** (_BETA_DRAWS - 1)
    return -np.diff(below_two)


_PRIOR = _threshold_prior()
_LEVELS = np.linspace(0, 1, _THRESHOLDS + 1)[1:]


def _trough_weights(row: NDArray[np.floating]) -> Array:  # (K,), 0 but at troughs
    """Give the probability that each trough is the period, over all thresholds."""
    weights = np.zeros(len(row))
    falls = np.concatenate(([True], row[1:] < row[:-1]))
    rests = np.concatenate((row[:-1] <= row[1:], [True]))
    rests[0] = row[0] < row[1]
    troughs = np.flatnonzero(falls & rests)
    if not len(troughs):
        return weights
    heights = row[troughs]
    below = heights[:, None] < _LEVELS  # (N, thresholds)
    rank = np.cumsum(below, axis=0) - 1
    total = 1 - np.exp(-_TROUGH_DECAY * np.maximum(below.sum(axis=0), 1))
    share = (1 - math.exp(-_TROUGH_DECAY)) * np.exp(-_TROUGH_DECAY * rank) / total
    chosen = np.where(below, share, 0) @ _PRIOR
    lowest = int(heights.argmin())
    chosen[lowest] += _NO_TROUGH * _PRIOR[~below[lowest]].sum()
    weights[troughs] = chosen
    return weights


def _glides(bins: int, reach: int) -> Array:  # (bins, bins) rows sum to 1
    """Give the probability of going from one pitch bin to another in a column: a triangle of `reach` bins each way."""
    apart = np.abs(np.arange(bins)[:, None] - np.arange(bins))
    triangle = np.maximum(0, reach + 1 - apart).astype(np.float64)
    return triangle / triangle.sum(axis=1, keepdims=True)


def _likeliest_path(voiced: Array, glides: Array) -> NDArray[np.intp]:  # (C,) bin, plus the number of bins if unvoiced
    """Viterbi's algorithm over voiced and unvoiced bins."""
    bins = voiced.shape[1]
    silent = (1 - voiced.sum(axis=1, keepdims=True).clip(0, 1)) / bins
    tiny = np.finfo(np.float64).tiny
    seen = np.log(np.concatenate((voiced, np.repeat(silent, bins, axis=1)), axis=1) + tiny)
    switch = np.array([[1 - _SWITCH, _SWITCH], [_SWITCH, 1 - _SWITCH]])
    into = np.ascontiguousarray(np.log(np.kron(switch, glides) + tiny).T)  # (to, from)
    value = seen[0] - math.log(2 * bins)
    back = np.zeros(seen.shape, np.intp)
    everyone = np.arange(2 * bins)
    for column in range(1, len(seen)):
        paths = value + into
        back[column] = paths.argmax(axis=1)
        value = seen[column] + paths[everyone, back[column]]
    path = np.empty(len(seen), np.intp)
    path[-1] = value.argmax()
    for column in range(len(seen) - 1, 0, -1):
        path[column - 1] = back[column, path[column]]
    return path
