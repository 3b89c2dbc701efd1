"""Time: loudness, stressed syllables, and the onset, apex and offset of an emotion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emotag.actors.performance.coarticulation import RATE, Gesture

LEVELS = 3
"""Emotion levels 1, 2, 3: weak, medium, strong, as in MEAD."""


@dataclass(frozen=True)
class Accent:
    """A syllable that carries a nod, a brow raise, a bit more of the emotion."""

    time_s: float
    strength: float  # [0, 1]


def loudness(
    samples: np.ndarray,  # (S,) in [−1, 1]
    rate: int,  # Hz
    count: int,
) -> np.ndarray:  # (N,) at RATE, in [0, 1]: 1 is as loud as this speaker gets, 0 is 35 dB below
    """Follow the sound's envelope."""
    square = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))
    edges = np.clip(np.rint((np.arange(count + 1) - 0.5) / RATE * rate), 0, len(samples)).astype(int)
    power = np.diff(square[edges]) / np.maximum(np.diff(edges), 1)
    power = gaussian_filter1d(power, _WINDOW_S * RATE)
    top = np.percentile(power, 95) if count else 0.0
    if top <= _SILENCE:
        return np.zeros(count)
    decibel = 10 * np.log10(np.maximum(power, 1e-12) / top)
    return np.asarray(np.clip(1 + decibel / _RANGE_DB, 0, 1))


def accents(found: Sequence[Gesture], loud: np.ndarray, rng: np.random.Generator) -> tuple[Accent, ...]:
    """Choose among the vowels with primary stress; the loudest are the likeliest and strongest, never two at once."""
    chosen: list[Accent] = []
    last = -np.inf
    for gesture in (g for g in found if g.stressed):
        time = (gesture.start_s + gesture.end_s) / 2
        here = loud[min(int(time * RATE), len(loud) - 1)] if len(loud) else 0.0
        strength = float(here * rng.uniform(0.35, 1.0))
        if strength > _ACCENT_FLOOR and time - last >= _ACCENT_APART_S:
            chosen.append(Accent(time, strength))
            last = time
    return tuple(chosen)


def bump(
    time: np.ndarray,  # (N,) s
    centre_s: float,
    rise_s: float,
    fall_s: float,
) -> np.ndarray:  # (N,) 0 … 1 … 0
    """A movement there and back, smooth in velocity."""
    phase = np.where(time < centre_s, (time - centre_s) / rise_s, (time - centre_s) / fall_s)
    return np.where(np.abs(phase) < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(phase, -1, 1)), 0.0)


def emotion_envelope(
    count: int,
    onset_s: tuple[float, float],
    accented: Sequence[Accent],
    rng: np.random.Generator,
) -> np.ndarray:  # (N,) in [0, 1], its largest value 1
    """Onset, apex with the rhythm of speech, offset.

    The emotion rises from neutral within `onset_s`, is held with slow waves and with a push on every accent, and
    relaxes at the end of the clip without leaving altogether.
    """
    seconds = count / RATE
    time = np.arange(count) / RATE
    start = min(rng.uniform(0.0, 0.15), 0.05 * seconds)
    onset = min(rng.uniform(*onset_s), 0.30 * seconds)
    offset = min(rng.uniform(0.4, 0.8), 0.20 * seconds)
    left = rng.uniform(*_LEFT_AT_END)
    waves = smooth_noise(count, _WAVE_S, rng)
    rise = _smooth_step((time - start) / max(onset, 1e-6))
    fall = 1 - (1 - left) * _smooth_step((time - (seconds - offset)) / max(offset, 1e-6))
    held = 1 - _WAVE_DEPTH * (0.5 + 0.5 * np.tanh(waves)) - _ACCENT_PUSH
    for accent in accented:
        held = held + _ACCENT_PUSH * accent.strength * bump(time, accent.time_s, 0.18, 0.45)
    envelope = rise * fall * held
    return np.asarray(envelope / envelope.max()) if count and envelope.max() > 0 else envelope


def smooth_noise(
    count: int,
    period_s: float,
    rng: np.random.Generator,
) -> np.ndarray:  # (N,) zero mean, unit standard deviation over a long time
    """Low-pass noise that moves at about one wave per `period_s`; the same start whatever the length."""
    sigma = period_s * RATE / 5
    reach = int(4 * sigma) + 1
    white = rng.standard_normal(count + 2 * reach)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    smooth = np.convolve(white, kernel / np.sqrt((kernel**2).sum()), mode="valid")
    return np.asarray(smooth[:count])


def _smooth_step(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


_WINDOW_S = 0.025
_SILENCE = 1e-10
_RANGE_DB = 35.0
_ACCENT_FLOOR, _ACCENT_APART_S = 0.25, 0.35
_LEFT_AT_END = (0.35, 0.6)
_WAVE_S, _WAVE_DEPTH, _ACCENT_PUSH = 2.2, 0.16, 0.10
