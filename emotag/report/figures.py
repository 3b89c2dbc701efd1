"""Which charts the report draws, from per-frame tables and training logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from markupsafe import Markup

from emotag.metrics.action_units import ALL_UNITS, UPPER_FACE
from emotag.metrics.landmarks import correlation
from emotag.report.chart import NARROW, Line, Marker, line_chart, sparkline
from emotag.report.data import Columns, TrainingLog
from emotag.tables import FPS

UNIT_NAMES = {
    "AU01_r": "inner brow raiser",
    "AU02_r": "outer brow raiser",
    "AU04_r": "brow lowerer",
    "AU05_r": "upper lid raiser",
    "AU06_r": "cheek raiser",
    "AU07_r": "lid tightener",
    "AU09_r": "nose wrinkler",
    "AU10_r": "upper lip raiser",
    "AU12_r": "lip corner puller",
    "AU14_r": "dimpler",
    "AU15_r": "lip corner depressor",
    "AU17_r": "chin raiser",
    "AU20_r": "lip stretcher",
    "AU23_r": "lip tightener",
    "AU25_r": "lips part",
    "AU26_r": "jaw drop",
    "AU45_r": "blink",
}
"""FACS names of OpenFace's intensities."""

UNIT_MOST = 5
"""The highest intensity."""

_SHARE = (0.0, 1.02)  # the y axis of what lies between 0 and 1

_SMOOTHED_SHARE = 40  # a training curve's moving mean covers this fraction of it


@dataclass(frozen=True)
class Figure:
    """A chart with its title, the unit of its y axis, its legend (label, style) and a sentence."""

    title: str
    unit: str
    chart: Markup
    legend: Sequence[tuple[str, str]]
    note: str = ""


@dataclass(frozen=True)
class UnitRow:
    """One action unit's small chart."""

    name: str  # "AU12"
    meaning: str
    chart: Markup
    error: float  # mean squared difference, NaN when unknown


def frame_figures(frames: Columns) -> list[Figure]:
    """Give the charts of one test clip that it has columns for."""
    time_s = _times(frames)
    drawn = [
        _figure(
            "PSNR per frame",
            time_s,
            frames,
            (("psnr", "avatar", "avatar"), ("psnr_frozen", "frozen face", "frozen")),
            "dB",
        ),
        _figure(
            "PSNR of the head per frame",
            time_s,
            frames,
            (("psnr_head", "avatar", "avatar"), ("psnr_head_frozen", "frozen face", "frozen")),
            "dB",
        ),
        _figure(
            "Mouth error (LMD) per frame",
            time_s,
            frames,
            (("lmd", "avatar", "avatar"), ("lmd_frozen", "frozen face", "frozen")),
            "px of a 512² frame",
        ),
        _figure(
            "Mouth opening",
            time_s,
            frames,
            (
                ("mouth_opening_truth", "truth", "truth"),
                ("mouth_opening", "avatar", "avatar"),
                ("mouth_opening_frozen", "frozen face", "frozen"),
            ),
            "share of the eye distance",
            _correlation_note(frames, "mouth_opening"),
        ),
        _figure(
            "Gate and emotion intensity",
            time_s,
            frames,
            (("e", "e = 1 − p(neutral), the teacher", "truth"), ("gate", "g, predicted from the voice", "avatar")),
            "",
            "The gate should rise where the teacher sees emotion (L_score, Eq. 13).",
            _SHARE,
        ),
        _figure(
            "Emotion intensity in the pictures",
            time_s,
            frames,
            (
                ("intensity_truth", "truth", "truth"),
                ("intensity", "avatar", "avatar"),
                ("intensity_frozen", "frozen face", "frozen"),
            ),
            "e = 1 − p(neutral)",
            _correlation_note(frames, "intensity"),
            _SHARE,
        ),
    ]
    return [figure for figure in drawn if figure.chart]


def unit_scale(frames: Columns) -> int:
    """Give the top of all units' charts: the whole intensity that none of their curves exceeds."""
    names = [name for unit in ALL_UNITS for name in (unit, f"{unit}_truth") if name in frames]
    highest = max((float(np.nanmax(frames[name], initial=0)) for name in names), default=0)
    return min(UNIT_MOST, max(1, ceil(highest)))


def unit_rows(frames: Columns) -> list[UnitRow]:
    """Give a small chart per action unit that both truth and avatar have, all at the same scale."""
    rows = []
    y_range = (0.0, float(unit_scale(frames)))
    for unit in ALL_UNITS:
        if unit not in frames or f"{unit}_truth" not in frames:
            continue
        truth, render = frames[f"{unit}_truth"], frames[unit]
        squared = (render - truth) ** 2
        known = squared[np.isfinite(squared)]
        name = unit.removesuffix("_r")
        lines = [Line("truth", truth, "truth"), Line("avatar", render, "avatar")]
        label = f"{name} {UNIT_NAMES[unit]} ({'upper' if unit in UPPER_FACE else 'lower'} face): truth and avatar"
        error = float(known.mean()) if known.size else float("nan")
        rows.append(UnitRow(name, UNIT_NAMES[unit], sparkline(lines, label=label, y_range=y_range), error))
    return rows


def training_figures(log: TrainingLog) -> list[Figure]:
    """Give loss (logarithmic), its terms, and PSNR over the frames seen."""
    columns = log.columns
    x = columns.get("frames_seen")
    if x is None or not len(x):
        return []
    markers = _stage_markers(x, log.stages)
    figures = []
    if "loss" in columns:
        figures.append(_training_figure("Loss", x, columns["loss"], markers, logarithmic=True))
    terms = [name for name in columns if name.startswith("loss_") and np.nanmax(np.abs(columns[name]), initial=0) > 0]
    if terms:
        styles = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
        lines = [
            Line(name.removeprefix("loss_"), _smoothed(columns[name]), style) for name, style in zip(terms, styles)
        ]
        chart = line_chart(
            x,
            lines,
            label="Loss terms over frames seen",
            x_label="frames seen",
            width=NARROW,
            logarithmic=True,
            markers=markers,
        )
        figures.append(
            Figure("Terms of the loss", "", chart, [(line.label, line.style) for line in lines], "Smoothed.")
        )
    if "psnr" in columns:
        figures.append(_training_figure("PSNR in training", x, columns["psnr"], markers, unit="dB"))
    return [figure for figure in figures if figure.chart]


def _training_figure(
    title: str,
    x: np.ndarray,
    values: np.ndarray,
    markers: list[Marker],
    unit: str = "",
    logarithmic: bool = False,
) -> Figure:
    lines = [Line("per step", values, "faint"), Line("smoothed", _smoothed(values), "avatar")]
    chart = line_chart(
        x,
        lines,
        label=f"{title} over frames seen",
        x_label="frames seen",
        width=NARROW,
        logarithmic=logarithmic,
        markers=markers,
    )
    return Figure(title, unit, chart, [(line.label, line.style) for line in lines])


def _figure(
    title: str,
    time_s: np.ndarray,
    frames: Columns,
    series: tuple[tuple[str, str, str], ...],  # column, label, style
    unit: str,
    note: str = "",
    y_range: tuple[float, float] | None = None,
) -> Figure:
    lines = [Line(label, frames[column], style) for column, label, style in series if column in frames]
    # A frozen face alone, or a truth alone, compares with nothing.
    if not any(line.style == "avatar" for line in lines):
        return Figure(title, unit, Markup(""), [])
    chart = line_chart(time_s, lines, label=title, x_label="seconds", y_range=y_range)
    return Figure(title, unit, chart, [(line.label, line.style) for line in lines], note)


def _correlation_note(frames: Columns, column: str) -> str:
    if column not in frames or f"{column}_truth" not in frames:
        return ""
    r = correlation(frames[f"{column}_truth"], frames[column])
    return f"Correlation of avatar and truth: {r:.2f}." if np.isfinite(r) else ""


def _stage_markers(x: np.ndarray, stages: Sequence[str]) -> list[Marker]:
    """Mark where the curriculum's next stage first appears (with several people, stages interleave after that)."""
    first: dict[str, float] = {}
    for at, stage in zip(x, stages):
        if stage:
            first.setdefault(stage, float(at))
    return [Marker(at, f"{stage} →") for stage, at in list(first.items())[1:]]


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Give a centred moving mean that skips NaN."""
    width = max(1, len(values) // _SMOOTHED_SHARE) | 1
    known = np.isfinite(values)
    window = np.ones(width)
    total = np.convolve(np.where(known, values, 0), window, "same")
    count = np.convolve(known.astype(np.float64), window, "same")
    return np.where(known, total / np.maximum(count, 1), np.nan)


def _times(frames: Columns) -> np.ndarray:
    if "time_s" in frames:
        return frames["time_s"]
    return np.arange(len(next(iter(frames.values()), ()))) / FPS
