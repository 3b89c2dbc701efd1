"""A small chart for each action unit, truth and avatar, all at the same scale."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from markupsafe import Markup

from emotag.metrics.action_units import ALL_UNITS, UPPER_FACE
from emotag.report.chart import Line, sparkline
from emotag.report.data import Columns
from emotag.report.figures import same_frames

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


@dataclass(frozen=True)
class UnitRow:
    """One action unit's small chart."""

    name: str  # "AU12"
    meaning: str
    chart: Markup
    error: float  # mean squared difference, NaN when unknown


def unit_scale(frames: Columns) -> int:
    """Give the top of all units' charts: the whole intensity that none of their curves exceeds."""
    names = [name for unit in ALL_UNITS for name in (unit, f"{unit}_truth") if name in frames]
    highest = max((float(np.nanmax(frames[name], initial=0)) for name in names), default=0)
    return min(UNIT_MOST, max(1, ceil(highest)))


def unit_rows(frames: Columns) -> list[UnitRow]:
    """Give a small chart per action unit that both truth and avatar have, all at the same scale.

    The upper face is left out where it is not the truth's own that the avatar was given.
    """
    rows = []
    y_range = (0.0, float(unit_scale(frames)))
    for unit in ALL_UNITS:
        compared = same_frames(frames) or unit not in UPPER_FACE
        if not compared or unit not in frames or f"{unit}_truth" not in frames:
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
