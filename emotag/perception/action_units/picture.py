"""The sheet of the action units: frames of the clip above the intensities over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotag.files import atomic
from emotag.perception.action_units.protocol import ACTION_UNITS, Array
from emotag.tables import FPS

GROUPS = {
    "brows and lids": ("01", "02", "04", "05", "07", "45"),
    "cheeks and nose": ("06", "09", "10", "12", "14"),
    "lips and jaw": ("15", "17", "20", "23", "25", "26"),
}


def timeline(
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8, evenly spread over the clip
    frames: int,
    plots: int,
    title: str,
) -> tuple[Figure, list[Axes]]:
    """Give a figure with a strip of pictures over `plots` axes that share the clip's time in seconds."""
    figure = Figure(figsize=(14, 2.2 + 2.1 * plots), layout="constrained")
    figure.suptitle(title)
    strip, *axes = figure.subplots(plots + 1, 1, height_ratios=[1.1] + [1.0] * plots)
    strip.imshow(np.concatenate(images, axis=1))
    strip.axis("off")
    for axis in axes:
        axis.set_xlim(0, frames / FPS)
    axes[-1].set_xlabel("s")
    return figure, axes


def save(figure: Figure, path: Path | str) -> None:
    """Write the figure atomically."""
    with atomic(path) as partial:
        figure.savefig(partial, dpi=75)


def draw_action_units(
    path: Path | str,
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB, evenly spread over the clip
    intensities: Array,  # (T, 17) 0–5, NaN where not valid
    title: str,
) -> None:
    """Write the sheet: one plot per part of the face."""
    figure, axes = timeline(images, len(intensities), len(GROUPS), title)
    times = np.arange(len(intensities)) / FPS
    for axis, (name, units) in zip(axes, GROUPS.items()):
        for unit in units:
            axis.plot(times, intensities[:, ACTION_UNITS.index(unit)], linewidth=1.1, label=f"AU{unit}")
        axis.set_ylabel(name)
        axis.set_ylim(0, max(2.0, float(np.nanmax(intensities)) * 1.05))
        axis.legend(ncols=6, fontsize=7, loc="upper right")
        axis.grid(alpha=0.3)
    save(figure, path)
