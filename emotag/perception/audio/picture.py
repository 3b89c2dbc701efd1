"""A picture of the audio features, so that a person sees at a glance whether they fit the sound."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from emotag.files import atomic
from emotag.perception.audio.articulation import CLASSES, SILENCE
from emotag.perception.audio.protocol import AudioFeatures
from emotag.tables import FPS

_SHOWN_S = 10.0
_INCHES_PER_SECOND = 1.8


def draw_audio(path: Path | str, features: AudioFeatures, title: str) -> None:
    """Write a .png of the first ten seconds: mel with phones, articulation, F0 and energy, the absolute channels."""
    rows = min(len(features.phone), int(_SHOWN_S * FPS))
    seconds = rows / FPS
    figure = Figure(figsize=(max(6.0, seconds * _INCHES_PER_SECOND), 9), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(3, 2.4, 1.4, 1.4))
    times = (np.arange(rows) + 0.5) / FPS

    def group(name: str) -> np.ndarray:
        start, stop = features.layout[name]
        return features.audio[:rows, start:stop].T

    extent = (0.0, seconds)
    mel = group("mel")
    axes[0].imshow(mel, origin="lower", aspect="auto", extent=(*extent, 0, len(mel)), cmap="magma", vmin=-3, vmax=2)
    axes[0].set(ylabel="mel band (normalised)", title=title)
    _write_phones(axes[0], features.phone[:rows], len(mel))
    shown = group("articulation")
    axes[1].imshow(shown, aspect="auto", extent=(*extent, len(shown), 0), cmap="Greys", vmin=0, vmax=1)
    axes[1].set_yticks(np.arange(len(CLASSES)) + 0.5, CLASSES, fontsize=7)
    f0 = np.where(features.voiced[:rows], features.f0_hz[:rows], np.nan)
    axes[2].plot(times, f0, ".-", markersize=3)
    axes[2].set_ylabel("F0, Hz")
    level = axes[2].twinx()
    level.plot(times, features.energy_db[:rows], color="0.6", linewidth=0.8)
    level.set_ylabel("energy, dB")
    for name, values in zip(("F0 st/12", "F0 range", "level", "tilt", "phone rate", "voiced"), group("emotion")):
        axes[3].plot(times, values, linewidth=1, label=name)
    axes[3].legend(ncols=6, fontsize=7, loc="lower left")
    axes[3].set(ylabel="absolute", xlabel="s", xlim=extent)
    with atomic(path) as partial, matplotlib.rc_context({"font.size": 8}):
        figure.savefig(partial, dpi=80)


def _write_phones(axis: matplotlib.axes.Axes, phones: list[str], top: int) -> None:
    start = 0
    for frame in range(1, len(phones) + 1):
        if frame < len(phones) and phones[frame] == phones[start]:
            continue
        if phones[start] not in (SILENCE, ""):
            axis.text((start + frame) / 2 / FPS, top - 4, phones[start], ha="center", color="white", fontsize=7)
            axis.axvline(start / FPS, color="white", linewidth=0.2)
        start = frame
