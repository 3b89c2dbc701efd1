"""A picture of the audio features, so that a person sees at a glance whether they fit the sound."""

import math
from pathlib import Path

import numpy as np

from emotag.media.plot import COLOURS, Panel, heat, plot_sheet
from emotag.perception.audio.articulation import CLASSES, SILENCE
from emotag.perception.audio.prosody import COLUMNS_PER_FRAME
from emotag.perception.audio.protocol import AudioFeatures
from emotag.tables import FPS

_SHOWN_S = 10.0
_CHANNELS = 128  # of a speech network that are drawn
_WHITE, _GREY = (255, 255, 255), (150, 150, 150)
_ABSOLUTE = ("F0 st/12", "F0 range", "level", "tilt", "phone rate", "voiced")
_F0_STEP, _LEVEL_SPAN = 100.0, (-90.0, 0.0)  # Hz, dB


def draw_audio(path: Path | str, features: AudioFeatures, title: str) -> None:
    """Write a .png of the first ten seconds: what the motion network reads, with the phones, and F0 and energy.

    The open engine shows its mel spectrum, articulation and absolute channels, a speech network its hidden states.
    """
    rows = min(len(features.phone), int(_SHOWN_S * FPS))
    seconds = rows / FPS

    def group(name: str) -> np.ndarray:
        start, stop = features.layout[name]
        return features.audio[:rows, start:stop].T

    phones, voice = features.phone[:rows], _voice(features, rows, seconds)
    if "mel" in features.layout:
        columns = group("mel").reshape(COLUMNS_PER_FRAME, -1, rows).transpose(1, 2, 0)
        mel = _spectrum(columns.reshape(len(columns), -1), (-3, 2), "mel band (normalised)", phones, seconds)
        halves = group("inversion").reshape(-1, len(CLASSES), rows)
        panels = [
            mel,
            _articulation(group("articulation"), seconds, "articulation by phones"),
            _articulation(halves.mean(axis=0), seconds, "articulation by inversion"),
            voice,
            _absolute(group("emotion"), seconds),
        ]
    else:
        shown, step = _channels(features.audio[:rows])
        label = "hidden channel" if step == 1 else f"hidden channels, every {step}th"
        panels = [_spectrum(shown.T, (-3, 3), label, phones, seconds), voice]
    plot_sheet(path, title, panels)


def _channels(
    hidden: np.ndarray,  # (T, D)
) -> tuple[np.ndarray, int]:  # (T, at most _CHANNELS) standardised over time, step between the channels
    step = -(-hidden.shape[1] // _CHANNELS)
    shown = hidden[:, ::step]
    return (shown - shown.mean(axis=0)) / np.maximum(shown.std(axis=0), 1e-6), step


def _spectrum(
    values: np.ndarray,  # (bands, T)
    span: tuple[float, float],
    label: str,
    phones: list[str],
    seconds: float,
) -> Panel:
    panel = Panel(seconds, (0, len(values)), label, height=220)
    panel.image(heat(values, *span))
    start = 0
    for frame in range(1, len(phones) + 1):
        if frame < len(phones) and phones[frame] == phones[start]:
            continue
        if phones[start] not in (SILENCE, ""):
            panel.text((start + frame) / 2 / FPS, len(values) * 0.925, phones[start], _WHITE)
        start = frame
    return panel


def _articulation(classes: np.ndarray, seconds: float, label: str) -> Panel:  # classes (A, T)
    panel = Panel(seconds, (0, len(classes)), label, height=260, ticks=())
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
