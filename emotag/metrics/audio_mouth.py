"""How well, and how late, the mouth follows the voice: lagged correlation of loudness and mouth opening."""

from dataclasses import dataclass

import numpy as np

from emotag.metrics.landmarks import correlation

MAX_LAG_FRAMES = 15
"""Lags looked at, both ways (SyncNet's own range at 25 fps: ±0.6 s)."""

DYNAMIC_RANGE_DB = 40.0
"""Loudness this far below the clip's loudest frame counts as silence: below it lies noise, which no mouth follows."""

MIN_OVERLAP_FRAMES = 25
"""A lag whose overlap is shorter than this (1 s) is not considered: short overlaps correlate by chance."""


@dataclass(frozen=True)
class AudioMouthLag:
    """The best lag, its correlation, and the whole curve."""

    lag_frames: float  # > 0: the mouth moves after the sound; NaN when nothing can be said
    correlation: float  # Pearson's r at that lag
    curve: np.ndarray  # (2·MAX_LAG_FRAMES + 1,) r at lags −15 … +15, NaN where the overlap is too short


def audio_mouth_lag(
    energy_db: np.ndarray,  # (T,) loudness of the speech, dB
    opening: np.ndarray,  # (T,) mouth opening, any unit; NaN where unknown
    max_lag: int = MAX_LAG_FRAMES,  # frames
) -> AudioMouthLag:
    """Find the lag in frames at which mouth opening correlates best with loudness (positive: the mouth is late).

    Loudness is clipped DYNAMIC_RANGE_DB below its maximum; each lag's correlation is normalised over its own overlap.
    It is an instrument for the whole clip: below some five seconds, or at a correlation under 2/sqrt(T), the lag means
    little, and vowels (open) and loud consonants (closed) bound the correlation well under 1 even for real video.
    Raises ValueError when the lengths differ.
    """
    if energy_db.shape != opening.shape or energy_db.ndim != 1:
        raise ValueError(f"energy {energy_db.shape} and mouth opening {opening.shape} must both be (T,)")
    loudness = speech_envelope(energy_db)
    lags = range(-max_lag, max_lag + 1)
    curve = np.array([_correlation_at(loudness, opening.astype(np.float64), lag) for lag in lags])
    if not np.isfinite(curve).any():
        return AudioMouthLag(float("nan"), float("nan"), curve)
    best = int(np.nanargmax(curve))
    return AudioMouthLag(float(lags[best]), float(curve[best]), curve)


def speech_envelope(
    energy_db: np.ndarray,  # (T,) dB, −inf allowed
) -> np.ndarray:  # (T,) in 0 … DYNAMIC_RANGE_DB
    """Give loudness above the clip's floor: 0 for silence, DYNAMIC_RANGE_DB for the loudest frame."""
    energy_db = np.nan_to_num(energy_db.astype(np.float64), nan=-1e9, neginf=-1e9)
    return np.clip(energy_db - energy_db.max(initial=-1e9) + DYNAMIC_RANGE_DB, 0, None)


def _correlation_at(loudness: np.ndarray, opening: np.ndarray, lag: int) -> float:
    count = len(loudness) - abs(lag)
    if count < MIN_OVERLAP_FRAMES:
        return float("nan")
    sound = loudness[:count] if lag >= 0 else loudness[-lag:]
    mouth = opening[lag:] if lag >= 0 else opening[:count]
    return correlation(sound, mouth)
