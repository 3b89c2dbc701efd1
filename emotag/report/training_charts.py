"""Loss, its terms, and PSNR over the frames that training has seen."""

from collections.abc import Sequence

import numpy as np

from emotag.report.chart import NARROW, Line, Marker, line_chart
from emotag.report.data import TrainingLog
from emotag.report.figures import Figure

_SMOOTHED_SHARE = 40  # a training curve's moving mean covers this fraction of it


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
