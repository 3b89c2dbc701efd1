"""The sheet of the emotion teacher: frames of the clip above the stacked distribution."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotag.media.plot import Colour, Panel, plot_sheet
from emotag.perception.emotion.protocol import EMOTIONS, Array, emotional_intensity
from emotag.tables import FPS

_COLOURS: tuple[Colour, ...] = (
    (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 191, 0), (31, 119, 180), (255, 127, 14), (217, 217, 217),
)  # fmt: skip
_BLACK = (0, 0, 0)


def draw_emotion(
    path: Path | str,
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB, evenly spread over the clip
    probabilities: Array,  # (T, 7), NaN where not valid
    title: str,
) -> None:
    """Write the sheet: probabilities stacked over time (neutral on top), and e as a line."""
    times = np.arange(len(probabilities)) / FPS
    tops = np.cumsum(np.nan_to_num(probabilities), axis=1)
    panel = Panel(len(probabilities) / FPS, (0.0, 1.0), "p", height=240)
    for index, (name, colour) in enumerate(zip(EMOTIONS, _COLOURS)):
        panel.band(times, tops[:, index - 1] if index else np.zeros(len(tops)), tops[:, index], colour, name)
    panel.line(times, emotional_intensity(probabilities), _BLACK, "e")
    plot_sheet(path, title, [panel], images)
