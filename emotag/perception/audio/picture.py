"""A picture of the audio features, so that a person sees at a glance whether they fit the sound."""

import math
from pathlib import Path

import numpy as np

from emotag.media.plot import COLOURS, Panel, heat, plot_sheet
from emotag.perception.audio.articulation import CLASSES, SILENCE
from emotag.perception.audio.protocol import AudioFeatures
from emotag.tables import FPS

_SHOWN_S = 10.0
_WHITE, _GREY = (255, 255, 255), (150, 150, 150)
_ABSOLUTE = ("F0 st/12", "F0 range", "level", "tilt", "phone rate", "voiced")
_F0_STEP, _LEVEL_SPAN = 100.0, (-90.0, 0.0)  # Hz, dB


def draw_audio(path: Path | str, features: AudioFeatures, title: str) -> None:
    """Write a .png of the first ten seconds: mel with phones, articulation, F0 and energy, the absolute channels."""
    rows = min(len(features.phone), int(_SHOWN_S * FPS))
    seconds = rows / FPS

    def group(name: str) -> np.ndarray:
        start, stop = features.layout[name]
        return features.audio[:rows, start:stop].T

    plot_sheet(
        path,
        title,
        [
            _mel(group("mel"), features.phone[:rows], seconds),
            _articulation(group("articulation"), seconds),
            _voice(features, rows, seconds),
            _absolute(group("emotion"), seconds),
        ],
    )


def _mel(mel: np.ndarray, phones: list[str], seconds: float) -> Panel:
    panel = Panel(seconds, (0, len(mel)), "mel band (normalised)", height=220)
    panel.image(heat(mel, -3, 2))
    start = 0
    for frame in range(1, len(phones) + 1):
        if frame < len(phones) and phones[frame] == phones[start]:
            continue
        if phones[start] not in (SILENCE, ""):
            panel.text((start + frame) / 2 / FPS, len(mel) - 6, phones[start], _WHITE)
        start = frame
    return panel


def _articulation(classes: np.ndarray, seconds: float) -> Panel:
    panel = Panel(seconds, (0, len(classes)), "articulation", height=260, ticks=())
    shade = np.clip(255 * (1 - classes[::-1]), 0, 255).astype(np.uint8)
    panel.image(np.repeat(shade[..., None], 3, axis=2))
    for row, name in enumerate(CLASSES):
        panel.text(seconds / 24, len(classes) - row - 0.7, name, COLOURS[3])
    return panel


def _voice(features: AudioFeatures, rows: int, seconds: float) -> Panel:
    f0 = np.where(features.voiced[:rows], features.f0_hz[:rows], np.nan)
    high = _F0_STEP * np.ceil(max(_F0_STEP, float(features.f0_hz[:rows].max())) / _F0_STEP)
    panel = Panel(seconds, (0, high), "F0, Hz", height=140, ticks=np.arange(0, high + 1, _F0_STEP).tolist())
    times = (np.arange(rows) + 0.5) / FPS
    low, top = _LEVEL_SPAN
    panel.line(times, (features.energy_db[:rows] - low) / (top - low) * high, _GREY, f"energy, {low:g} to {top:g} dB")
    panel.line(times, f0, COLOURS[0], "F0")
    return panel


def _absolute(channels: np.ndarray, seconds: float) -> Panel:
    span = (min(-1.0, float(channels.min())), max(1.0, float(channels.max())))
    panel = Panel(seconds, span, "absolute", height=150, ticks=range(math.ceil(span[0]), math.floor(span[1]) + 1))
    times = (np.arange(channels.shape[1]) + 0.5) / FPS
    for values, name, colour in zip(channels, _ABSOLUTE, COLOURS):
        panel.line(times, values, colour, name)
    return panel
