"""Small flat forms of metrics, frames and training logs, for tools that compare runs (`dvc metrics`, `dvc plots`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from emotag.report.data import TestResult, TrainingLog
from emotag.report.figures import comparable

DIGITS = 6
"""Significant digits: more than any metric is sure of, and few enough to read."""

LOG_ROWS = 200
"""A longer training log is averaged to about this many rows a run."""

NAME = "name"
"""Column that tells the runs or tests of one file apart."""

METRICS = (
    "psnr",
    "ssim",
    "psnr_head",
    "lpips",
    "lmd",
    "aue_lower",
    "aue_upper",
    "sync_c",
    "sync_e",
    "mouth_correlation",
    "closure_rate",
    "jitter_ratio",
    "emotion_top1",
    "intensity",
    "identity_similarity",
)
"""What fits a terminal of the metrics in emotag.metrics.catalogue: the paper's, and one for each claim of our own."""

FRAME_COLUMNS = (
    "psnr",
    "psnr_head",
    "lmd",
    "mouth_opening",
    "mouth_opening_truth",
    "gate",
    "e",
    "intensity",
    "intensity_truth",
)
"""Per-frame columns that are worth comparing between runs."""


def flat_metrics(test: TestResult, training: Mapping[str, Any]) -> dict[str, float]:
    """Give METRICS of a test, its frames a second and the seconds of adaptation, without nesting, words or nulls."""
    measured = test.summary.get("metrics") or {}
    found = {key: measured.get(key) for key in METRICS}
    found |= {"fps": test.speed.get("fps"), "adaptation_seconds": training.get("seconds")}
    return {name: rounded(float(value)) for name, value in found.items() if value is not None}


def frame_rows(tests: Iterable[TestResult]) -> list[dict[str, str]]:
    """Give a row for each frame of each test: its name, time and FRAME_COLUMNS, as far as any test has them."""
    tables = [(test.name, comparable(test.frames)) for test in tests if test.frames]
    columns = [name for name in FRAME_COLUMNS if any(name in frames for _, frames in tables)]
    rows = []
    for test, frames in tables:
        for index, time_s in enumerate(frames["time_s"]):
            values = {name: _text(frames[name][index]) if name in frames else "" for name in columns}
            rows.append({NAME: test, "time_s": _text(time_s)} | values)
    return rows


def training_rows(logs: Mapping[str, TrainingLog]) -> list[dict[str, str]]:
    """Give rows of the runs' logs: name, frames seen, loss, each of its terms, PSNR; long logs are averaged."""
    columns = list(dict.fromkeys(name for log in logs.values() for name in log.columns if _is_curve(name)))
    rows = []
    for run, log in logs.items():
        seen = log.columns.get("frames_seen", np.zeros(0))
        for block in _blocks(len(seen)):
            values = {name: _text(_mean(log.columns[name][block])) if name in log.columns else "" for name in columns}
            rows.append({NAME: run, "frames_seen": _text(seen[block][-1])} | values)
    return rows


def to_tsv(rows: Sequence[Mapping[str, str]]) -> str:
    """Give rows of the same columns as tab-separated text with a header; nothing for no rows."""
    if not rows:
        return ""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def rounded(value: float) -> float:
    """Round to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _is_curve(name: str) -> bool:
    return name in ("loss", "psnr") or name.startswith("loss_")


def _blocks(rows: int) -> list[np.ndarray]:
    return [block for block in np.array_split(np.arange(rows), min(rows, LOG_ROWS) or 1) if len(block)]


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _text(value: float) -> str:
    return f"{value:.{DIGITS}g}" if np.isfinite(value) else ""
