"""The pitch of a synthetic voice: an F0 track, glottal pulses, and their re-spacing (TD-PSOLA).

Pitch-synchronous overlap-add (Moulines & Charpentier 1990, Speech Communication 9) changes F0 and leaves formants and
time as they are: two-period grains around every pulse are laid out again at new distances. Irregular distances and
amplitudes are the roughness of real larynges: jitter, tremor, and the subharmonics of creak.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, medfilt, resample_poly, sosfiltfilt

STEP_S = 0.005
"""Distance of the columns of a track."""

LOWEST_HZ, HIGHEST_HZ = 45.0, 900.0
"""No voice is pushed beyond these."""

_DECIMATION = 4
_PERIODICITY = 0.55  # correlation with the previous period above which a column is voiced
_LAG_COST = 0.03  # per octave: prefers the true period to its multiples
_JUMP_COST = 2.0  # per octave between neighbouring columns
_QUIET = 1e-4  # power below this, of the loudest sample's, counts as silence
_PEAK_WEIGHT = 0.3  # of the pulse's own height against its resemblance: keeps marks from drifting off the peaks
_SEARCH = 0.2  # of a period: a pulse is this near to where the track expects it
_FADE_S = 0.003
_ALIKE = 0.3  # correlation of a period with the last one below which it tells nothing about the pulse
_TINY = 1e-12
_SHORTEST_RUN = 3  # pulses


@dataclass(frozen=True)
class Irregularity:
    """How unsteadily vocal folds swing."""

    jitter: float = 0.0
    """Standard deviation of a period from its neighbours, of the period."""
    shimmer: float = 0.0
    """Standard deviation of a pulse's amplitude, of the amplitude."""
    creak: float = 0.0
    """0 to 1: every second pulse comes late and weak, a subharmonic."""
    tremor_semitones: float = 0.0
    """Amplitude of a slow quiver of F0."""
    tremor_hz: float = 6.5
    """Rate of the quiver."""


def track_pitch(
    samples: NDArray[np.float32],  # (N,)
    rate: int,
    low_hz: float,
    high_hz: float,
) -> NDArray[np.float64]:  # (T,) Hz at k · STEP_S, 0 where unvoiced
    """Find F0 as the lag of the highest normalized autocorrelation."""
    low = sosfiltfilt(butter(4, 1200, fs=rate, output="sos"), samples)
    slow = resample_poly(low, 1, _DECIMATION)
    slow_rate = rate / _DECIMATION
    lags = np.arange(int(slow_rate / high_hz), int(np.ceil(slow_rate / low_hz)) + 2)
    window = int(2 * slow_rate / low_hz)
    centres = np.round(np.arange(0, len(samples) / rate, STEP_S) * slow_rate).astype(int)
    padded = np.pad(slow, (window, window + 2 * lags[-1]))
    frames = padded[centres[:, None] + np.arange(-window // 2, window // 2 + lags[-1] + 1) + window - lags[-1] // 2]
    head = frames[:, :window]
    size = int(2 ** np.ceil(np.log2(frames.shape[1] + window)))
    product = np.fft.irfft(np.fft.rfft(frames, size) * np.conj(np.fft.rfft(head, size)), size)[:, lags]
    cumulated = np.pad(np.cumsum(np.square(frames), axis=1), ((0, 0), (1, 0)))
    energy = cumulated[:, lags + window] - cumulated[:, lags]
    own = cumulated[:, window : window + 1]
    floor = _QUIET * np.square(slow).max() * window
    correlation = product / np.sqrt(energy * own + floor**2 + np.finfo(float).tiny)
    path = _smoothest(correlation - _LAG_COST * np.log2(lags / lags[0]), np.log2(lags))
    best = np.clip(path, 1, len(lags) - 2)
    rows = np.arange(len(best))
    left, middle, right = (correlation[rows, best + i] for i in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    lag = lags[best] + np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    voiced = medfilt((middle > _PERIODICITY).astype(float), 5) > 0
    return np.where(voiced, medfilt(slow_rate / lag, 5), 0.0)


def _smoothest(
    score: NDArray[np.float64],  # (T, L)
    octaves: NDArray[np.float64],  # (L,)
) -> NDArray[np.int64]:  # (T,)
    """Find the path of lags with the highest sum of scores less the cost of its jumps (Viterbi)."""
    cost = _JUMP_COST * np.abs(octaves[:, None] - octaves)
    total = score[0]
    origin = np.zeros(score.shape, np.int64)
    for row in range(1, len(score)):
        offer = total - cost
        origin[row] = offer.argmax(axis=1)
        total = score[row] + offer[np.arange(len(octaves)), origin[row]]
    path = np.zeros(len(score), np.int64)
    path[-1] = total.argmax()
    for row in range(len(score) - 1, 0, -1):
        path[row - 1] = origin[row, path[row]]
    return path


def find_pulses(
    samples: NDArray[np.float32],  # (N,)
    rate: int,
    f0: NDArray[np.float64],  # (T,)
) -> list[NDArray[np.int64]]:
    """Place a mark on every period, a list for each voiced stretch.

    The first mark of a stretch is its highest peak; the others stand where the waveform resembles that of the mark
    before most.
    """
    runs = []
    polarity = 1.0 if np.mean(np.power(samples, 3)) >= 0 else -1.0
    signal = samples * polarity
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (f0 > 0).astype(int), [0]))))
    for first, last in edges.reshape(-1, 2):
        start, end = round(first * STEP_S * rate), min(len(samples), round(last * STEP_S * rate))
        if end - start < 2 * rate / max(f0[first:last].min(), LOWEST_HZ):
            continue
        seed = start + int(signal[start:end].argmax())
        forward = _walk(signal, rate, f0, seed, end, 1)
        backward = _walk(signal, rate, f0, seed, start, -1)
        pulses = np.array([*backward[::-1], seed, *forward])
        if len(pulses) >= _SHORTEST_RUN:
            runs.append(pulses)
    return runs


def _walk(
    signal: NDArray[np.float32], rate: int, f0: NDArray[np.float64], seed: int, bound: int, direction: int
) -> list[int]:
    """Step from pulse to pulse until the bound."""
    pulses: list[int] = []
    at = seed
    while True:
        f0_here = f0[min(int(at / rate / STEP_S), len(f0) - 1)]
        if f0_here <= 0:
            return pulses
        period = rate / f0_here
        half, slack = int(0.5 * period), max(1, int(_SEARCH * period))
        expected = at + direction * round(period)
        first = expected - slack - half
        if first < 0 or expected + slack + half + 1 > len(signal) or at - half < 0 or at + half + 1 > len(signal):
            return pulses
        if (expected - bound) * direction > 0:
            return pulses
        pattern = signal[at - half : at + half + 1]
        region = signal[first : expected + slack + half + 1]
        match = np.correlate(region, pattern, mode="valid")
        height = signal[expected - slack : expected + slack + 1]
        score = match / (np.abs(match).max() + _TINY) + _PEAK_WEIGHT * height / (np.abs(height).max() + _TINY)
        found = region[match.argmax() :][: len(pattern)]
        alike = match.max() > _ALIKE * np.linalg.norm(pattern) * np.linalg.norm(found)
        at = expected - slack + int(score.argmax()) if alike else expected  # another sound begins: keep the beat
        pulses.append(at)


def respace(
    samples: NDArray[np.float32],  # (N,)
    rate: int,
    runs: list[NDArray[np.int64]],
    shift: NDArray[np.float64],  # (T,) semitones at k · STEP_S
    irregularity: Irregularity,
    creak: NDArray[np.float64],  # (T,) in [0, 1]: where the voice creaks
    rng: np.random.Generator,
) -> NDArray[np.float32]:  # (N,)
    """Change F0 by `shift`, with irregular pulses; voiceless sound and every time stay."""
    result = samples.astype(np.float64)
    phase = rng.uniform(0, 2 * np.pi)
    for pulses in runs:
        periods = np.diff(pulses)
        periods = np.concatenate((periods[:1], periods))
        start, end = max(0, pulses[0] - periods[0]), min(len(samples), pulses[-1] + periods[-1])
        voiced = _overlap_add(samples, rate, pulses, periods, shift, irregularity, creak, phase, rng)
        fade = max(1, round(_FADE_S * rate))
        mask = np.minimum(1.0, np.minimum(np.arange(end - start) / fade, np.arange(end - start)[::-1] / fade))
        result[start:end] += mask * (voiced[start:end] - result[start:end])
    return result.astype(np.float32)


def _overlap_add(
    samples: NDArray[np.float32],
    rate: int,
    pulses: NDArray[np.int64],
    periods: NDArray[np.int64],
    shift: NDArray[np.float64],
    irregularity: Irregularity,
    creak: NDArray[np.float64],
    phase: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:  # (N,)
    """Lay the grains of one voiced stretch at their new distances."""
    reach = int(periods.max()) + 1
    padded = np.pad(samples.astype(np.float64), reach)
    voiced = np.zeros(len(padded))
    at, count = float(pulses[0]), 0
    while at <= pulses[-1]:
        nearest = int(np.abs(pulses - at).argmin())
        period = int(periods[nearest])
        time_s = at / rate
        quiver = irregularity.tremor_semitones * np.sin(2 * np.pi * irregularity.tremor_hz * time_s + phase)
        ratio = 2 ** ((np.interp(time_s / STEP_S, np.arange(len(shift)), shift) + quiver) / 12)
        grain = padded[reach + pulses[nearest] - period : reach + pulses[nearest] + period + 1] * np.hanning(
            2 * period + 1
        )
        late = count % 2
        creaky = irregularity.creak * np.interp(time_s / STEP_S, np.arange(len(creak)), creak)
        amplitude = ratio**-0.5 * (1 + irregularity.shimmer * rng.standard_normal())
        amplitude *= 1 - 0.6 * creaky * late
        place = reach + round(at)
        voiced[place - period : place + period + 1] += max(0.0, amplitude) * grain
        distance = rate / np.clip(rate / period * ratio, LOWEST_HZ, HIGHEST_HZ)
        swing = irregularity.jitter * np.clip(rng.standard_normal(), -2.5, 2.5)
        swing += 0.18 * creaky * (1 - 2 * late)
        at += distance * (1 + swing)
        count += 1
    return voiced[reach : reach + len(samples)]
