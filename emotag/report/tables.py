"""The rows of the report's tables, ready to print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from emotag.metrics.catalogue import BY_KEY, METRICS, Metric
from emotag.report.data import IdentityResult

MISSING = "–"
"""Printed for what was not, or cannot be, measured."""

OVERVIEW = ("psnr", "ssim", "psnr_head", "lmd", "aue_lower", "aue_upper", "mouth_correlation")
"""Metrics of the table at the top."""


@dataclass(frozen=True)
class MetricRow:
    """One metric of a test beside its baseline, the true video's own value and the paper's."""

    label: str
    arrow: str  # ↑ higher is better, ↓ lower is better, empty
    unit: str
    explanation: str
    avatar: str
    interval: str  # 95 %
    frozen: str
    frozen_interval: str
    gain: str  # over the frozen face
    better: bool | None  # None: no direction, nothing to compare with, or the same
    truth: str
    truth_interval: str


@dataclass(frozen=True)
class OverviewCell:
    """Avatar above, frozen face below."""

    avatar: str
    frozen: str
    better: bool | None


@dataclass(frozen=True)
class OverviewRow:
    """One test."""

    identity: str
    test: str
    seconds: str
    cells: Sequence[OverviewCell]


def metric_rows(summary: Mapping[str, Any]) -> list[MetricRow]:
    """Give the table of one test from its entry in the metrics JSON."""
    metrics, frozen = summary.get("metrics") or {}, summary.get("frozen") or {}
    truth, gains = summary.get("truth") or {}, summary.get("improvement") or {}
    intervals, frozen_intervals, truth_intervals = (
        summary.get(name) or {} for name in ("intervals", "frozen_intervals", "truth_intervals")
    )
    rows = []
    for metric in METRICS:
        if metric.key not in metrics:
            continue
        gain = gains.get(metric.key) or {}
        rows.append(
            MetricRow(
                label=metric.label,
                arrow=arrow(metric),
                unit=metric.unit,
                explanation=metric.explanation,
                avatar=number(metrics[metric.key], metric.decimals),
                interval=interval_text(intervals.get(metric.key), metric.decimals),
                frozen=number(frozen.get(metric.key), metric.decimals),
                frozen_interval=interval_text(frozen_intervals.get(metric.key), metric.decimals),
                gain=_gain(gain, metric),
                better=_better(gain),
                truth=number(truth.get(metric.key), metric.decimals),
                truth_interval=interval_text(truth_intervals.get(metric.key), metric.decimals),
            )
        )
    return rows


def overview_rows(identities: Sequence[IdentityResult], fps: float) -> list[OverviewRow]:
    """Give the table of all tests."""
    rows = []
    for identity in identities:
        for test in identity.tests:
            metrics, frozen = test.summary.get("metrics") or {}, test.summary.get("frozen") or {}
            gains = test.summary.get("improvement") or {}
            cells = [
                OverviewCell(
                    number(metrics.get(key), BY_KEY[key].decimals),
                    number(frozen.get(key), BY_KEY[key].decimals),
                    _better(gains.get(key) or {}),
                )
                for key in OVERVIEW
            ]
            rows.append(OverviewRow(identity.name, test.name, f"{test.summary.get('frames', 0) / fps:.1f} s", cells))
    return rows


def arrow(metric: Metric) -> str:
    """Give ↑ when higher is better, ↓ when lower is."""
    return "" if metric.higher_is_better is None else "↑" if metric.higher_is_better else "↓"


def number(value: float | None, decimals: int) -> str:
    """Print a number with a true minus sign, or MISSING."""
    if value is None:
        return MISSING
    return f"{value:.{decimals}f}".replace("-", "−")


def interval_text(interval: Sequence[float | None] | None, decimals: int) -> str:
    """Print an interval as [low, high]; nothing where a clip is too short for one."""
    if not interval:
        return ""
    ends = [number(end, decimals) for end in interval if end is not None and isfinite(end)]
    return f"[{', '.join(ends)}]" if len(ends) == len(interval) else ""


def duration(seconds: float | None) -> str:
    """Print seconds as a person would say them: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _better(gain: Mapping[str, float | None]) -> bool | None:
    absolute = gain.get("absolute")
    return absolute > 0 if absolute else None


def _gain(gain: Mapping[str, float | None], metric: Metric) -> str:
    absolute, relative = gain.get("absolute"), gain.get("relative")
    if absolute is None:
        return ""
    # An error shrinks by a share of itself; a ratio of decibels or of correlations says nothing.
    as_is = metric.higher_is_better or relative is None
    shown = f"{absolute:+.{metric.decimals}f} {metric.unit}" if as_is else f"{relative:+.0%}"
    return shown.strip().replace("-", "−")
