"""95 % bootstrap intervals of metrics, of one test or of several together.

Neighbouring frames look alike, so frames are drawn in blocks (Künsch 1989), on a circle so that the clip's ends count
as often as its middle (Politis & Romano 1992); the interval is the percentile one (Efron 1979). It says how far the
number would move with other frames of the same clips, and nothing of other people or other sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotag.metrics.statistics import STATISTICS, Columns, Version, applies, evaluate, known_frames

BLOCK = 12
"""Frames of a block, 0.48 s, about two syllables: on the demo's tests the autocorrelation of PSNR, LMD and action units
reaches 0 within 5 to 12 frames. Shorter blocks would cut what belongs together and give intervals too narrow."""

MIN_BLOCKS = 3
"""A clip of fewer blocks has no interval: there is nothing to draw from."""

MIN_KNOWN = 5
"""Nor has a metric of fewer frames or events: two closures that both failed would be sure of themselves."""

REPLICATES = 2000
"""Draws; the ends of the interval then move by about a fiftieth of its width from seed to seed."""

LEVEL = 0.95
"""Share of the replicates inside the interval."""

SEED = 0
"""The same frames give the same interval."""


@dataclass(frozen=True)
class Interval:
    """A metric and how sure it is. NaN where it has no number, or too few or too equal frames for an interval."""

    mean: float  # the metric over all frames, in its unit
    low: float
    high: float
    frames: int  # that the metric was computed from


def pooled(
    frames: Sequence[
        Columns
    ],  # one mapping a test: per-frame values by the column names of reports/frames/<test>.parquet
    metric: str,  # a key of emotag.metrics.statistics.STATISTICS
    *,
    version: Version = "avatar",
) -> Interval:
    """Give a metric over several tests: the mean of the tests' values, each weighted by its number of frames.

    For a mean over frames that is the mean over all frames of all tests. Frames are drawn within each test. Tests that
    lack the metric are left out. Raises ValueError on a metric that does not follow from frames.
    """
    return _interval(*_weighted(frames, list(_counts(frames)), metric, version))


def difference(
    first: Sequence[Columns],  # tests of one avatar
    second: Sequence[Columns],  # the same tests, in the same order, of another
    metric: str,
    *,
    versions: tuple[Version, Version] = ("avatar", "avatar"),
) -> Interval:
    """Give metric(first) − metric(second) over the same tests: both are drawn at the same frames.

    What makes a frame hard is hard for both, so this is sharper than comparing two intervals: the two differ when it
    leaves 0 out. Raises ValueError when the tests are not the same number of frames long, and as `pooled` does.
    """
    if [_length(one) for one in first] != [_length(one) for one in second]:
        raise ValueError("the tests that are compared must be the same, in the same order")
    counts = list(_counts(first))
    (mean, replicates, many), (other, others, few) = (
        _weighted(tests, counts, metric, version) for tests, version in zip((first, second), versions)
    )
    return _interval(mean - other, replicates - others, min(many, few))


def intervals(
    columns: Columns,
    version: Version = "avatar",
) -> dict[str, Interval]:
    """Give the interval of every metric whose columns one test has."""
    counts = list(_counts([columns]))
    found = {metric: _interval(*_weighted([columns], counts, metric, version)) for metric in STATISTICS}
    return {metric: interval for metric, interval in found.items() if interval.frames}


def block_counts(
    frames: int,  # T
    generator: np.random.Generator,
    replicates: int = REPLICATES,  # B
    block: int = BLOCK,
) -> np.ndarray:  # (B, T) float64, every row's sum is T
    """Draw T frames in blocks, B times, and say how often each frame was drawn."""
    blocks = -(-frames // block)
    starts = generator.integers(frames, size=(replicates, blocks, 1))
    drawn = ((starts + np.arange(block)) % frames).reshape(replicates, -1)[:, :frames]
    flat = drawn + frames * np.arange(replicates)[:, None]
    return np.bincount(flat.ravel(), minlength=replicates * frames).reshape(replicates, frames).astype(np.float64)


def _counts(tests: Sequence[Columns]) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(SEED)
    for columns in tests:
        yield block_counts(_length(columns), generator)


def _length(columns: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(columns.values()), ()))


def _weighted(
    tests: Sequence[Columns],
    counts: Sequence[np.ndarray],  # (B, T) each
    metric: str,
    version: Version,
) -> tuple[float, np.ndarray, int]:  # the metric, its replicates (B,), frames
    if metric not in STATISTICS:
        raise ValueError(f"'{metric}' does not follow from frames; these do: {', '.join(sorted(STATISTICS))}")
    statistic = STATISTICS[metric]
    total, replicates, weight = 0.0, np.zeros(REPLICATES), 0
    for columns, drawn in zip(tests, counts):
        known = known_frames(statistic, columns, version) if applies(metric, columns) else 0
        if not known:
            continue
        value = evaluate(statistic, columns, np.ones((1, drawn.shape[1])), version)
        drawn_values = evaluate(statistic, columns, drawn, version)
        if value is None or drawn_values is None or not np.isfinite(value[0]):
            continue
        enough = _length(columns) >= MIN_BLOCKS * BLOCK
        replicates += known * (drawn_values if enough else np.nan)
        total += known * float(value[0])
        weight += known
    if not weight:
        return np.nan, np.full(REPLICATES, np.nan), 0
    return total / weight, replicates / weight, weight


def _interval(mean: float, replicates: np.ndarray, frames: int) -> Interval:
    known = replicates[np.isfinite(replicates)]
    if frames < MIN_KNOWN or not len(known) or np.ptp(known) == 0:
        return Interval(mean, np.nan, np.nan, frames)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high), frames)
