"""The sheet of the action units: frames of the clip above the intensities over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotag.media.plot import COLOURS, Panel, plot_sheet
from emotag.perception.action_units.protocol import ACTION_UNITS, Array
from emotag.tables import FPS

GROUPS = {
    "brows and lids": ("01", "02", "04", "05", "07", "45"),
    "cheeks and nose": ("06", "09", "10", "12", "14"),
    "lips and jaw": ("15", "17", "20", "23", "25", "26"),
}

_LEAST_SPAN = 2.0
"""A calm clip's curves stay small."""


def draw_action_units(
    path: Path | str,
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB, evenly spread over the clip
    intensities: Array,  # (T, 17) 0–5, NaN where not valid
    title: str,
) -> None:
    """Write the sheet: one plot per part of the face."""
    times = np.arange(len(intensities)) / FPS
    high = max(_LEAST_SPAN, float(np.nanmax(intensities)) * 1.05)
    panels = []
    for name, units in GROUPS.items():
        panel = Panel(len(intensities) / FPS, (0.0, high), name, ticks=range(int(high) + 1))
        for unit, colour in zip(units, COLOURS):
            panel.line(times, intensities[:, ACTION_UNITS.index(unit)], colour, f"AU{unit}")
        panels.append(panel)
    plot_sheet(path, title, panels, images)
