"""The sheet of the stage `sync`: each clip's mouth as it was tracked, and what its sound says of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotag.media.plot import COLOURS, Panel, plot_sheet
from emotag.sync.lag import Lag
from emotag.sync.predictor import OpeningPredictor
from emotag.sync.speech import Speech
from emotag.tables import FPS

SECONDS = 8.0
"""Start of each clip that is drawn."""

MOST_PANELS = 24
"""Clips that are drawn, those furthest off first."""

SPAN = (-3.0, 4.0)
"""Standard deviations of an opening that a panel shows."""


def sync_sheet(path: Path, clips: Sequence[Speech], lags: Sequence[Lag], predictor: OpeningPredictor) -> None:
    """Draw a panel for each of the clips that stand out."""
    panels = []
    far = sorted(zip(clips, lags, strict=True), key=lambda pair: -abs(pair[1].seconds))
    for speech, lag in far[:MOST_PANELS]:
        count = min(len(speech.opening), round(SECONDS * FPS))
        times = np.arange(count) / FPS
        panel = Panel(SECONDS, SPAN, speech.clip, ticks=range(-2, 4, 2))
        tracked = np.where(speech.valid, _standard(speech.opening, speech.valid), np.nan)
        heard = _standard(predictor.guess(speech, lag.frames), speech.valid)
        panel.line(times, tracked[:count], COLOURS[0], "mouth opening, tracked (standard deviations)")
        panel.line(times, heard[:count], COLOURS[1], f"by the sound: {lag.says().replace('→', 'to')}")
        panels.append(panel)
    plot_sheet(path, f"sync: {len(panels)} of {len(clips)} clips, those furthest off first", panels)


def _standard(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    kept = values[valid] if valid.any() else values
    return (values - kept.mean()) / max(float(kept.std()), 1e-12)
