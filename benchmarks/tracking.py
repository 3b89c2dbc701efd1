"""How well and how fast the own tracker explains its landmarks, and what OpenFace says of the same frames.

    python -m benchmarks.tracking LANDMARKS_FOLDER HEAD.npz --clip anchor-de --clip president-fr [--openface FOLDER]
        [--undone 0,0 --undone 1,1] [--crops FOLDER --models FOLDER --engine landmarks --engine photometric]

Errors are in percent of the outer-eye distance, between the detector's own 68 points and (a) the same points of the
468 embedding on the posed mesh, without the person's landmark offsets, (b) the head's own iBUG embedding. Each clip is
its own reference (its first `--reference-s` seconds). With `--openface`, tracked expressions are correlated over time
with OpenFace's action units, and the head's rotation is compared with OpenFace's: correlation, slope on OpenFace's and
root mean square difference after both means are taken out. Each `--undone` is a row of its own: shares of the bias of
the usual face and of motion that are taken out of the landmarks (`shape.undo_usual`, `shape.undo_prior`). So is each
`--engine`; `photometric` needs the crops and the folder of the open networks, and adds the root mean square error of
brightness before and after, and the overlap of the mesh's outline with the person's above the neck.
"""

import itertools
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from emotag.head.model import HeadModel
from emotag.perception.tracking.landmark_set import GROUPS
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.photometric.tracker import PhotometricTracker
from emotag.perception.tracking.quality import Quality, measure
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.track import Track
from emotag.perception.tracking.tracker import TrackedClip
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
ANGLES = ("pitch", "yaw", "roll")
_AXES = np.diag([1.0, -1.0, -1.0])  # OpenFace: x right, y down, z away from the camera


@dataclass(frozen=True)
class Row:
    clip: str
    label: str  # engine, shares undone
    quality: Quality
    frames: int
    lost: int
    with_offset: float
    shape_s: float
    track_s: float
    colour: tuple[float, float] | None
    outline: tuple[float, float] | None


@dataclass(frozen=True)
class Agreement:
    """With OpenFace."""

    units: dict[str, float]  # correlation
    pose: dict[str, tuple[float, float, float]]  # angle -> correlation, slope, difference in degrees


def agreement(track: Track, names: tuple[str, ...], table: pd.DataFrame) -> Agreement:
    table = table.rename(columns=str.strip)
    time_s = np.arange(len(track)) / FPS
    expression, units = track.expression.numpy(), {}
    for unit in (*SHAPES_OF_UNITS, *JAW_UNITS):
        truth = np.interp(time_s, table["timestamp"], table[unit])
        shapes = SHAPES_OF_UNITS.get(unit)
        value = track.jaw_pose[:, 0].numpy()
        if shapes is not None:
            value = sum(expression[:, i] for i, name in enumerate(names) if name.startswith(shapes))
        if np.std(value) > 1e-6 and np.std(truth) > 0.05:
            units[unit] = float(np.corrcoef(value, truth)[0, 1])
    turned = _AXES @ Rotation.from_rotvec(track.rotation.numpy()).as_matrix() @ _AXES
    found = np.unwrap(Rotation.from_matrix(turned).as_euler("XYZ"), axis=0)  # OpenFace's order
    pose = {}
    for index, (angle, column) in enumerate(zip(ANGLES, ("pose_Rx", "pose_Ry", "pose_Rz"))):
        truth = np.interp(time_s, table["timestamp"], table[column])
        a, b = truth - truth.mean(), found[:, index] - found[:, index].mean()
        difference = float(np.degrees(np.sqrt(((a - b) ** 2).mean())))
        pose[angle] = float(np.corrcoef(a, b)[0, 1]), float((a @ b) / (a @ a)), difference
    return Agreement(units, pose)


def main(
    landmarks: Path,
    head: Path,
    clip: Annotated[list[str], typer.Option()],
    size: int = 512,
    reference_s: float = 5.0,
    seconds: Annotated[float, typer.Option(help="How much of each clip is tracked.")] = 1e6,
    openface: Path | None = None,
    offsets: bool = True,
    undone: Annotated[list[str] | None, typer.Option(help="Shares of the bias to take out: USUAL,MOTION.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="landmarks, photometric.")] = None,
    crops: Annotated[Path, typer.Option(help="Folder of the crops.")] = Path("data/crop"),
    models: Annotated[Path, typer.Option(help="Folder of the open networks.")] = Path("models/open"),
    device: str = "cpu",
) -> None:
    model = HeadModel.load(head)
    shape_settings, track_settings = ShapeSettings(**({} if offsets else {"offset_sigma": 0.0})), TrackSettings()
    rows: list[Row] = []
    found: dict[tuple[str, str], Agreement] = {}
    shares = undone or [f"{shape_settings.undo_usual:g},{shape_settings.undo_prior:g}"]
    for name, share, chosen in itertools.product(clip, shares, engine or ["landmarks"]):
        seen = Observations.load(landmarks / f"{name}.parquet", size, size)
        seen = seen.select(slice(0, round(seconds * FPS)))
        whole = TrackedClip(name, crops / f"{name}.mp4", seen, name, crops / f"{name}.mp4")
        reference = replace(whole, observations=seen.select(slice(0, round(reference_s * FPS))))
        settings = dict(zip(("undo_usual", "undo_prior"), map(float, share.split(",")))) | {"engine": chosen}
        tracker = PhotometricTracker(
            model, shape_settings.model_copy(update=settings), track_settings.model_copy(update={"engine": chosen}),
            models, device,
        )  # fmt: skip
        started = time.process_time()
        person = tracker.fit_shape(reference, lambda _: None)
        fitted, outline = time.process_time(), tracker.note().get("outline_iou")
        track = tracker.fit_track(whole, person, lambda _: None)
        done, colour = time.process_time(), tracker.note().get("photometric_rms")
        error = 100 * float(track.reprojection_px[track.valid].mean()) / seen.eye_distance()
        quality, lost = measure(model, track, seen, person.static_offset), int((~track.valid).sum())
        label = f"{chosen} {share}"
        rows.append(Row(name, label, quality, len(seen), lost, error, fitted - started, done - fitted, colour, outline))
        if openface is not None and (openface / f"{name}.csv.gz").exists():
            table = pd.read_csv(openface / f"{name}.csv.gz")
            found[name, label] = agreement(track, model.expression_names, table)
    report(rows, found)


def pair(values: tuple[float, float] | None, form: str) -> str:
    return " → ".join(format(value, form) for value in values) if values else "–"


def report(rows: list[Row], found: dict[tuple[str, str], Agreement]) -> None:
    console = Console(width=200)
    table = Table("clip", "engine, undone", "frames (lost)", "(a) 468", "worst frame", "with offsets", "(b) iBUG",
                  "jitter px/f²", "mouth r", "lid r", "colour", "outline IoU", "shape s", "track s")  # fmt: skip
    for row in rows:
        q = row.quality
        table.add_row(
            row.clip, row.label, f"{row.frames} ({row.lost})", f"{q.error468:.2f} %",
            f"{q.worst_frame:.2f} %", f"{row.with_offset:.2f} %", f"{q.error68:.2f} %",
            f"{q.raw_jitter:.2f} → {q.tracked_jitter:.2f}", f"{q.mouth_correlation:.3f}", f"{q.lid_correlation:.3f}",
            pair(row.colour, ".4f"), pair(row.outline, ".3f"), f"{row.shape_s:.1f}", f"{row.track_s:.1f}",
        )  # fmt: skip
    console.print(table)
    groups = Table("clip", "engine, undone", *[f"{name} (a) / (b)" for name in GROUPS])
    for row in rows:
        parts = [f"{a:.2f} / {b:.2f} %" for a, b in row.quality.by_group.values()]
        groups.add_row(row.clip, row.label, *parts)
    console.print(groups)
    if not found:
        return
    names = [*SHAPES_OF_UNITS, *JAW_UNITS]
    against = Table("correlation with OpenFace", "engine, undone", *[name.removesuffix("_r") for name in names])
    turns = Table("rotation, OpenFace", "engine, undone", *[f"{angle}: r, slope, difference" for angle in ANGLES])
    for (name, share), one in found.items():
        units = [f"{one.units[unit]:.2f}" if unit in one.units else "–" for unit in names]
        against.add_row(name, share, *units)
        turns.add_row(name, share, *[f"{r:.2f}, {slope:.2f}, {off:.2f}°" for r, slope, off in one.pose.values()])
    for share in dict.fromkeys(share for _, share in found):
        ours = [one for (_, key), one in found.items() if key == share]
        means = [[one.units[unit] for one in ours if unit in one.units] for unit in names]
        against.add_row("mean", share, *[f"{np.mean(values):.3f}" if values else "–" for values in means])
        poses = [np.mean([one.pose[angle] for one in ours], axis=0) for angle in ANGLES]
        turns.add_row("mean", share, *[f"{r:.3f}, {slope:.2f}, {off:.2f}°" for r, slope, off in poses])
    console.print(against)
    console.print(turns)


if __name__ == "__main__":
    typer.run(main)
