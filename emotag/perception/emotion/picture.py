"""The sheet of the emotion teacher: frames of the clip above the stacked distribution."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotag.perception.action_units.picture import save, timeline
from emotag.perception.emotion.protocol import EMOTIONS, Array, emotional_intensity
from emotag.tables import FPS

_COLOURS = ("#d62728", "#2ca02c", "#9467bd", "#ffbf00", "#1f77b4", "#ff7f0e", "#d9d9d9")


def draw_emotion(
    path: Path | str,
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB, evenly spread over the clip
    probabilities: Array,  # (T, 7), NaN where not valid
    title: str,
) -> None:
    """Write the sheet: probabilities stacked over time (neutral on top), and e as a line."""
    figure, (axis,) = timeline(images, len(probabilities), 1, title)
    times = np.arange(len(probabilities)) / FPS
    axis.stackplot(times, np.nan_to_num(probabilities).T, labels=EMOTIONS, colors=_COLOURS)
    axis.plot(times, emotional_intensity(probabilities), color="black", linewidth=1, label="e")
    axis.set_ylim(0, 1)
    axis.set_ylabel("p")
    axis.legend(ncols=8, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.18))
    save(figure, path)
