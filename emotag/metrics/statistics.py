"""How each metric of a clip follows from the columns of its frames, each frame counted a given number of times.

Counted once, the frames give the metric itself; counted as often as a bootstrap drew them, a replicate of it
(`emotag.metrics.intervals`). A frame where a column is not finite does not enter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emotag.metrics.action_units import LOWER_FACE, UPPER_FACE
from emotag.metrics.catalogue import PAIRED

Columns = Mapping[
    str, np.ndarray
]  # per-frame values (T,) or (T, n) by name, as `reports/frames/<test>.parquet` holds them
Version = Literal["avatar", "frozen", "truth"]

SAME_FRAMES = "same_frames"
"""The bool column that says whether a row of the render has the pose and the upper face of the truth's; absent: yes."""

SUFFIX: dict[Version, str] = {"avatar": "", "frozen": "_frozen", "truth": "_truth"}
"""What the names of a version's columns end in."""


@dataclass(frozen=True)
class Mean:
    """The mean of a column over its frames."""

    column: str


@dataclass(frozen=True)
class Ratio:
    """The mean of a column over the mean of the truth's, over the frames that have both."""

    column: str


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of a column with the truth's."""

    column: str


@dataclass(frozen=True)
class SquaredErrors:
    """The sum over columns of the mean squared difference from the truth's."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Confidence:
    """Sync-C: median over shifts of the mean distance, less its smallest; the column holds distances by shift."""

    column: str


MIN_CORRELATED = 3
"""Frames below which nothing correlates."""

Statistic = Mean | Ratio | Correlation | SquaredErrors | Confidence

_MEANS = (
    "psnr", "ssim", "psnr_head", "ssim_head", "lpips",
    "psnr_lossless", "ssim_lossless", "psnr_head_lossless", "ssim_head_lossless",
    "lmd", "jitter", "emotion_kl", "emotion_top1", "intensity", "emotion_probability", "identity_similarity",
    "closure_rate", "closure_false_rate", "closure_excess",
)  # fmt: skip

_OTHERS: dict[str, Statistic] = {
    "jitter_ratio": Ratio("jitter"),
    "aue_lower": SquaredErrors(LOWER_FACE),
    "aue_upper": SquaredErrors(UPPER_FACE),
    "mouth_correlation": Correlation("mouth_opening"),
    "intensity_correlation": Correlation("intensity"),
    "sync_c": Confidence("sync_distances"),
    "sync_e": Mean("sync_distance"),
}

STATISTICS: Mapping[str, Statistic] = {**{name: Mean(name) for name in _MEANS}, **_OTHERS}
"""The metrics that follow from per-frame values alone. (A lag behind the sound does not: it needs frames in order.)"""


def evaluate(
    statistic: Statistic,
    columns: Columns,
    counts: np.ndarray,  # (B, T) how often each frame is counted
    version: Version = "avatar",
) -> np.ndarray | None:  # (B,) NaN where the counted frames give no number; None without the columns
    """Compute a metric for each row of counts."""
    pairs = _pairs(statistic, columns, version)
    if pairs is None:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        match statistic:
            case Mean():
                return _mean(pairs[0][0], counts)
            case Ratio():
                own, truth = _both(*pairs[0])
                return _mean(own, counts) / _mean(truth, counts)
            case Correlation():
                return _correlation(*_both(*pairs[0]), counts)
            case SquaredErrors():
                return np.sum([_mean((own - truth) ** 2, counts) for own, truth in pairs], axis=0)
            case Confidence():
                by_shift = np.stack([_mean(shift, counts) for shift in pairs[0][0].T])
                return np.median(by_shift, axis=0) - by_shift.min(axis=0)


def value(metric: str, columns: Columns, version: Version = "avatar") -> float | None:
    """Give a metric with every frame counted once: NaN where it has no number, None without its columns."""
    statistic = STATISTICS[metric]
    pairs = _pairs(statistic, columns, version)
    if pairs is None:
        return None
    if not applies(metric, columns):
        return float("nan")
    found = evaluate(statistic, columns, np.ones((1, len(pairs[0][0]))), version)
    return None if found is None else float(found[0])


def applies(metric: str, columns: Columns) -> bool:
    """Tell whether a metric may be computed: one that pairs frames needs a render of the truth's own frames."""
    same = columns.get(SAME_FRAMES)
    return metric not in PAIRED or same is None or bool(np.all(same))


def known_frames(statistic: Statistic, columns: Columns, version: Version = "avatar") -> int:
    """Count the frames that enter a metric."""
    pairs = _pairs(statistic, columns, version)
    if pairs is None:
        return 0
    seen = [np.isfinite(own if isinstance(statistic, Mean | Confidence) else own + truth) for own, truth in pairs]
    return int(np.all([one if one.ndim == 1 else one.all(axis=1) for one in seen], axis=0).sum())


def _pairs(
    statistic: Statistic, columns: Columns, version: Version
) -> list[tuple[np.ndarray, np.ndarray]] | None:  # each the version's column and the truth's
    """Pick the columns of a metric; the truth's stand in for themselves where only the version's own are needed."""
    names = statistic.columns if isinstance(statistic, SquaredErrors) else (statistic.column,)
    beside_truth = not isinstance(statistic, Mean | Confidence)
    found = []
    for name in names:
        own = columns.get(name + SUFFIX[version])
        truth = columns.get(name + SUFFIX["truth"]) if beside_truth else own
        if own is None or truth is None:
            return None
        found.append((np.asarray(own, np.float64), np.asarray(truth, np.float64)))
    return found


def _both(own: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seen = np.isfinite(own + truth)
    return np.where(seen, own, np.nan), np.where(seen, truth, np.nan)


def _mean(
    values: np.ndarray,  # (T,)
    counts: np.ndarray,  # (B, T)
) -> np.ndarray:  # (B,)
    seen = np.isfinite(values)
    return (counts @ np.where(seen, values, 0)) / (counts @ seen.astype(np.float64))


def _correlation(own: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> np.ndarray:
    # Centred first: moments of values far from 0 would cancel.
    if np.isfinite(own).sum() < MIN_CORRELATED:
        return np.full(len(counts), np.nan)
    x, y = own - np.nanmean(own), truth - np.nanmean(truth)
    mean_x, mean_y = _mean(x, counts), _mean(y, counts)
    covariance = _mean(x * y, counts) - mean_x * mean_y
    return covariance / np.sqrt(_variance(x, mean_x, own, counts) * _variance(y, mean_y, truth, counts))


def _variance(centred: np.ndarray, mean: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:  # (B,)
    """Give the variance, NaN where it is rounding: a constant series correlates with nothing."""
    least = (1e-9 * max(1.0, float(np.nanmax(np.abs(values))))) ** 2
    variance = _mean(centred * centred, counts) - mean**2
    return np.where(variance > least, variance, np.nan)
