"""Per-frame values of one version of a clip: what it says by itself, and beside the true video."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotag.metrics import emotion
from emotag.metrics.action_units import ALL_UNITS
from emotag.metrics.audio_mouth import audio_mouth_lag
from emotag.metrics.catalogue import finite_or_none
from emotag.metrics.closure import LipScale, closures
from emotag.metrics.identity import similarity
from emotag.metrics.landmarks import jitter, lmd, mouth_opening
from emotag.metrics.readings import Readings

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Clip:
    """What every version is held against."""

    truth: Readings
    energy_db: np.ndarray  # (T,) loudness of the clip's sound, dB
    side: int  # of the frame, pixels
    phones: Sequence[str] | None  # T; None: not known
    acted: str | None  # one of EMOTIONS: what the person was asked to show

    def __len__(self) -> int:
        return len(self.energy_db)

    @cached_property
    def lips(self) -> LipScale | None:
        """The true mouth's scale; None when it cannot be measured."""
        return LipScale.of(seen_points(self.truth))


def seen_points(readings: Readings) -> np.ndarray:  # (T, 68, 2) float64
    """Give the landmarks, NaN where they failed."""
    return np.where(readings.points_valid[:, None, None], readings.points68.astype(np.float64), np.nan)


def own_series(readings: Readings, clip: Clip) -> tuple[dict[str, np.ndarray], Numbers]:
    """Give what a version says by itself: columns (T,), and numbers that need the frames in order."""
    points = seen_points(readings)
    opening = mouth_opening(points)
    lag = audio_mouth_lag(clip.energy_db, opening)
    columns = {"mouth_opening": opening, "jitter": jitter(points, clip.side)} | {
        unit: np.where(readings.units_valid, readings.action_units[unit], np.nan)
        for unit in ALL_UNITS
        if unit in readings.action_units
    }
    numbers: Numbers = {
        "audio_lag_frames": finite_or_none(lag.lag_frames),
        "audio_correlation": finite_or_none(lag.correlation),
    }
    if readings.emotions is not None:
        columns["intensity"] = emotion.intensity(readings.emotions)
        if clip.acted is not None:
            columns["emotion_probability"] = emotion.probability(readings.emotions, clip.acted)
    if readings.portraits is not None and clip.truth.portraits is not None:
        columns["identity_similarity"] = similarity(clip.truth.portraits, readings.portraits, len(clip))
    if readings.sync is not None:
        columns["sync_distance"] = readings.sync.per_frame
        if readings.sync.by_shift is not None:
            columns["sync_distances"] = readings.sync.by_shift
        numbers |= {
            "sync_c": finite_or_none(readings.sync.confidence),
            "sync_e": finite_or_none(readings.sync.distance),
            "sync_offset": float(readings.sync.offset),
        }
    return columns, numbers


def paired_series(readings: Readings, clip: Clip) -> dict[str, np.ndarray]:  # (T,) each
    """Give what a version says beside the true video."""
    truth = clip.truth
    seen = truth.points_valid & readings.points_valid
    columns = {"lmd": np.where(seen, lmd(truth.points68, readings.points68, clip.side), np.nan)}
    if clip.phones is not None and clip.lips is not None:
        gaps = [clip.lips.gap(seen_points(one)) for one in (truth, readings)]
        made = closures(clip.phones, clip.lips, *gaps)
        columns |= {
            "closure_rate": made.rate,
            "closure_false_rate": made.false_rate,
            "closure_excess": made.excess,
        }
    if truth.emotions is not None and readings.emotions is not None:
        columns["emotion_kl"] = emotion.divergence(truth.emotions, readings.emotions)
        columns["emotion_top1"] = emotion.agreement(truth.emotions, readings.emotions)
    return columns
