"""How well and how fast the own tracker explains its landmarks.

    python -m benchmarks.tracking LANDMARKS_FOLDER HEAD.npz --clip anchor-de --clip president-fr [--openface FOLDER]

Errors are in percent of the outer-eye distance, between the detector's own 68 points and (a) the same points of the
468 embedding on the posed mesh, without the person's landmark offsets, (b) the head's own iBUG embedding. Each clip is
its own reference (its first `--reference-s` seconds). With `--openface`, tracked expressions are correlated over time
with OpenFace's action units.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from emotag.head.model import HeadModel
from emotag.perception.tracking.fit import fit_track
from emotag.perception.tracking.landmark_set import GROUPS
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.quality import Quality, measure
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.shape import fit_shape
from emotag.perception.tracking.track import Track
from emotag.tables import FPS

SHAPES_OF_UNITS = {
    "AU01_r": ("browInnerUp",),
    "AU02_r": ("browOuterUp",),
    "AU04_r": ("browDown",),
    "AU06_r": ("cheekRaiser", "cheekSquint"),
    "AU09_r": ("noseSneer",),
    "AU12_r": ("mouthSmile",),
    "AU45_r": ("eyeBlink",),
}
JAW_UNITS = ("AU25_r", "AU26_r")


@dataclass(frozen=True)
class Row:
    clip: str
    quality: Quality
    frames: int
    lost: int
    with_offset: float
    shape_s: float
    track_s: float


def correlations(track: Track, names: tuple[str, ...], table: pd.DataFrame) -> dict[str, float]:
    table = table.rename(columns=str.strip)
    time_s = np.arange(len(track)) / FPS
    expression, found = track.expression.numpy(), {}
    for unit in (*SHAPES_OF_UNITS, *JAW_UNITS):
        truth = np.interp(time_s, table["timestamp"], table[unit])
        shapes = SHAPES_OF_UNITS.get(unit)
        value = track.jaw_pose[:, 0].numpy()
        if shapes is not None:
            value = sum(expression[:, i] for i, name in enumerate(names) if name.startswith(shapes))
        if np.std(value) > 1e-6 and np.std(truth) > 0.05:
            found[unit] = float(np.corrcoef(value, truth)[0, 1])
    return found


def main(
    landmarks: Path,
    head: Path,
    clip: Annotated[list[str], typer.Option()],
    size: int = 512,
    reference_s: float = 5.0,
    openface: Path | None = None,
    offsets: bool = True,
) -> None:
    model = HeadModel.load(head)
    shape_settings, track_settings = ShapeSettings(**({} if offsets else {"offset_sigma": 0.0})), TrackSettings()
    rows, units = [], {}
    for name in clip:
        seen = Observations.load(landmarks / f"{name}.parquet", size, size)
        started = time.process_time()
        person = fit_shape(seen.select(slice(0, round(reference_s * FPS))), model, shape_settings, name)
        fitted = time.process_time()
        track = fit_track(seen, model, person, track_settings, name)
        done = time.process_time()
        share = 100 * float(track.reprojection_px[track.valid].mean()) / seen.eye_distance()
        lost = int((~track.valid).sum())
        rows.append(Row(name, measure(model, track, seen), len(seen), lost, share, fitted - started, done - fitted))
        if openface is not None and (openface / f"{name}.csv.gz").exists():
            table = pd.read_csv(openface / f"{name}.csv.gz")
            units[name] = correlations(track, model.expression_names, table)
    report(rows, units)


def report(rows: list[Row], units: dict[str, dict[str, float]]) -> None:
    console = Console(width=200)
    table = Table("clip", "frames (lost)", "(a) 468", "worst frame", "with offsets", "(b) iBUG", "jitter px/f²",
                  "mouth r", "lid r", "shape CPU s", "track CPU s")  # fmt: skip
    for row in rows:
        q = row.quality
        table.add_row(
            row.clip, f"{row.frames} ({row.lost})", f"{q.error468:.2f} %", f"{q.worst_frame:.2f} %",
            f"{row.with_offset:.2f} %", f"{q.error68:.2f} %", f"{q.raw_jitter:.2f} → {q.tracked_jitter:.2f}",
            f"{q.mouth_correlation:.3f}", f"{q.lid_correlation:.3f}", f"{row.shape_s:.1f}", f"{row.track_s:.1f}",
        )  # fmt: skip
    console.print(table)
    groups = Table("clip", *[f"{name} (a) / (b)" for name in GROUPS])
    for row in rows:
        groups.add_row(row.clip, *[f"{a:.2f} / {b:.2f} %" for a, b in row.quality.by_group.values()])
    console.print(groups)
    if units:
        names = [*SHAPES_OF_UNITS, *JAW_UNITS]
        against = Table("correlation with OpenFace", *[name.removesuffix("_r") for name in names])
        for name, found in units.items():
            against.add_row(name, *[f"{found[unit]:.2f}" if unit in found else "–" for unit in names])
        console.print(against)


if __name__ == "__main__":
    typer.run(main)
