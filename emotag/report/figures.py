"""Which charts the report draws of a test, from its table of frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from emotag.metrics.catalogue import PAIRED
from emotag.metrics.landmarks import correlation
from emotag.metrics.statistics import SAME_FRAMES
from emotag.report.chart import Line, line_chart
from emotag.report.data import Columns
from emotag.tables import FPS

_SHARE = (0.0, 1.02)
"""The y axis of what lies between 0 and 1."""

_VERSIONS = (("_truth", "truth", "truth"), ("", "avatar", "avatar"), ("_frozen", "frozen face", "frozen"))
"""Ending of a version's columns, its name, its style."""


@dataclass(frozen=True)
class Figure:
    """A chart with its title, the unit of its y axis, its legend (label, style) and a sentence."""

    title: str
    unit: str
    chart: Markup
    legend: Sequence[tuple[str, str]]
    note: str = ""


def frame_figures(frames: Columns) -> list[Figure]:
    """Give the charts of one test clip that it has columns for."""
    frames = comparable(frames)
    time_s = _times(frames)
    gate = [
        Line(label, frames[column], style)
        for column, label, style in (
            ("e", "e = 1 − p(neutral), the teacher", "truth"),
            ("gate", "g, predicted from the voice", "avatar"),
        )
        if column in frames
    ]
    drawn = [
        _versions("PSNR per frame", "dB", time_s, frames, "psnr"),
        _versions("PSNR of the head per frame", "dB", time_s, frames, "psnr_head"),
        _versions("Mouth error (LMD) per frame", "px of a 512² frame", time_s, frames, "lmd"),
        _mouth(time_s, frames),
        _figure(
            "Gate and emotion intensity",
            "",
            time_s,
            gate,
            "The gate should rise where the teacher sees emotion (L_score, Eq. 13).",
            _SHARE,
        ),
        _versions(
            "Emotion intensity in the pictures",
            "e = 1 − p(neutral)",
            time_s,
            frames,
            "intensity",
            _correlation_note(frames, "intensity") if same_frames(frames) else "",
            _SHARE,
        ),
        _versions("Jitter per frame", "px/frame²", time_s, frames, "jitter"),
        _versions("Identity", "cosine with other true frames", time_s, frames, "identity_similarity", dots=True),
    ]
    return [figure for figure in drawn if figure.chart]


def same_frames(frames: Columns) -> bool:
    """Tell whether the avatar's frames have the pose and upper face of the truth's."""
    return bool(np.all(frames.get(SAME_FRAMES, True)))


def comparable(frames: Columns) -> Columns:
    """Leave out what compares a frame with the true one, where the two do not show the same moment."""
    if same_frames(frames):
        return frames
    return {name: values for name, values in frames.items() if name.removesuffix("_frozen") not in PAIRED}


def _versions(
    title: str,
    unit: str,
    time_s: np.ndarray,
    frames: Columns,
    column: str,
    note: str = "",
    y_range: tuple[float, float] | None = None,
    dots: bool = False,
) -> Figure:
    """Draw a column of every version that has it."""
    lines = [
        Line(label, frames[column + end], style, dots) for end, label, style in _VERSIONS if column + end in frames
    ]
    return _figure(title, unit, time_s, lines, note, y_range)


def _mouth(time_s: np.ndarray, frames: Columns) -> Figure:
    """Draw the mouth's opening, and where the lips have to meet: whether they do."""
    opening, closed = frames.get("mouth_opening"), frames.get("closure_rate")
    dots, note = [], _correlation_note(frames, "mouth_opening")
    if opening is not None and closed is not None:
        for label, style, wanted in (("p b m, lips meet", "good", 1.0), ("p b m, lips stay open", "bad", 0.0)):
            if (closed == wanted).any():
                dots.append(Line(label, np.where(closed == wanted, opening, np.nan), style, dots=True))
        met, all_of_them = int(np.nansum(closed)), int(np.isfinite(closed).sum())
        note += f" The lips meet in {met} of {all_of_them} bilabials in which the true ones do." if all_of_them else ""
    lines = [
        Line(label, frames[f"mouth_opening{end}"], style)
        for end, label, style in _VERSIONS
        if f"mouth_opening{end}" in frames
    ]
    return _figure("Mouth opening", "share of the eye distance", time_s, [*lines, *dots], note.strip())


def _figure(
    title: str,
    unit: str,
    time_s: np.ndarray,
    lines: Sequence[Line],
    note: str = "",
    y_range: tuple[float, float] | None = None,
) -> Figure:
    # A frozen face alone, or a truth alone, compares with nothing.
    if not any(line.style == "avatar" and np.isfinite(line.values).any() for line in lines):
        return Figure(title, unit, Markup(""), [])
    known = [line for line in lines if np.isfinite(line.values).any()]
    chart = line_chart(time_s, known, label=title, x_label="seconds", y_range=y_range)
    return Figure(title, unit, chart, [(line.label, line.style) for line in known], note)


def _correlation_note(frames: Columns, column: str) -> str:
    if column not in frames or f"{column}_truth" not in frames:
        return ""
    r = correlation(frames[f"{column}_truth"], frames[column])
    return f"Correlation of avatar and truth: {r:.2f}." if np.isfinite(r) else ""


def _times(frames: Columns) -> np.ndarray:
    if "time_s" in frames:
        return frames["time_s"]
    return np.arange(len(next(iter(frames.values()), ()))) / FPS
