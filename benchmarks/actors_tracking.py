"""The trackers of synthetic actors against the truth, in one table.

    python -m benchmarks.actors_tracking TAKE [TAKE ...] [--root FOLDER] [--engine landmarks --engine photometric]

`--root` is a project whose takes were filmed and whose landmarks were found (`dvc repro landmarks`). Each engine fits
the person's shape on her reference clip and tracks the take anew, in memory. Figures are those of benchmarks.actors;
`gaze` is the correlation of both eyes' yaw and pitch, `lips` that of the gap between the inner lips of the mesh at
rest (mean of the three iBUG pairs, along the face's vertical); the last table gives that gap where the actor says p, b
or m, on open vowels and where her lips stand apart, `jitter` the acceleration of stabilised landmarks (that of the
truth beside it), `colour` the root mean square error of brightness against albedo times light.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.actors import CHANNELS, rotation_error, vertex_error
from emotag.actors.performance.phones import Articulation, articulations
from emotag.head.ibug68 import LOWER_INNER_LIP, UPPER_INNER_LIP
from emotag.head.model import HeadModel
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.photometric.tracker import PhotometricTracker
from emotag.perception.tracking.quality import jitter, measure, mesh_landmarks
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.track import PersonShape, Track
from emotag.perception.tracking.tracker import TrackedClip
from emotag.tables import column, read_table
from stages.settings import load_settings
from stages.workspace import Workspace


@dataclass(frozen=True)
class Row:
    take: str
    engine: str
    rotation: float  # degrees
    vertices: float  # mm RMS
    curves: dict[str, tuple[np.ndarray, np.ndarray]]  # channel -> truth, found
    landmarks: float  # % of the eyes
    jitter: tuple[float, float, float]  # truth, landmarks, track
    colour: tuple[float, float] | None
    outline: tuple[float, float] | None
    phones: list[str]  # of every frame
    shape_s: float
    track_s: float


def curves(truth: Track, found: Track, full: HeadModel, head: HeadModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    both = {"jaw": (truth.jaw_pose[:, 0].numpy(), found.jaw_pose[:, 0].numpy())}
    for channel, names in CHANNELS.items():
        values = [
            one.expression[:, [model.expression_names.index(name) for name in names]].mean(1).numpy()
            for one, model in ((truth, full), (found, head))
        ]
        both[channel] = values[0], values[1]
    looks = [one.eyes_pose[:, [0, 1, 3, 4]].unflatten(1, (2, 2)).mean(1).T.flatten().numpy() for one in (truth, found)]
    both["gaze"] = looks[0], looks[1]
    both["lips"] = lip_gap(truth, full), lip_gap(found, head)
    return both


def lip_gap(track: Track, head: HeadModel) -> np.ndarray:  # (T,) mm, negative when the lips cross
    still = torch.zeros_like(track.rotation)
    upright = replace(track, rotation=still, translation=still, neck_pose=still)
    points = head.landmarks68.points(upright.vertices(head), head.faces)[..., 1].numpy()
    return 1000 * (points[:, UPPER_INNER_LIP] - points[:, LOWER_INNER_LIP]).mean(1)


def spoken(phone: str, test: Callable[[Articulation], bool]) -> bool:
    return bool(phone) and any(test(sound) for sound in articulations(phone))


def correlation(rows: list[Row], channel: str) -> float:
    pairs = [row.curves[channel] for row in rows]
    truth, found = (np.concatenate([pair[k] - pair[k].mean() for pair in pairs]) for k in (0, 1))
    return float(np.corrcoef(truth, found)[0, 1]) if min(truth.std(), found.std()) > 1e-9 else float("nan")


def slope(rows: list[Row], channel: str) -> float:
    pairs = [row.curves[channel] for row in rows]
    truth, found = (np.concatenate([pair[k] - pair[k].mean() for pair in pairs]) for k in (0, 1))
    return float(truth @ found / max(truth @ truth, 1e-12))


def clip_of(workspace: Workspace, name: str, reference: str, size: int) -> TrackedClip:
    observations = Observations.load(workspace.file("landmarks", name, "parquet"), size, size)
    videos = (workspace.file("crop", clip, "mp4") for clip in (name, reference))
    return TrackedClip(name, next(videos), observations, reference, next(videos))


def main(
    takes: list[str],
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    engine: Annotated[list[str] | None, typer.Option(help="landmarks, photometric.")] = None,
    shape: Annotated[str, typer.Option(help="Changes of the shape's settings, JSON.")] = "{}",
    track: Annotated[str, typer.Option(help="Changes of the track's settings, JSON.")] = "{}",
    seconds: float = 1e6,
    device: str = "cpu",
) -> None:
    workspace, project = Workspace(root), load_settings(root / "params.yaml")
    full, head = HeadModel.load(workspace.open_head), HeadModel.load(workspace.head)
    size, film_size = project.resolution, project.film.picture_size
    rows: dict[str, list[Row]] = defaultdict(list)
    people: dict[tuple[str, str], tuple[PersonShape, float, dict]] = {}
    for name in takes:
        entry = project.clip(name)
        reference = project.person(entry.identity).reference
        clip = clip_of(workspace, name, reference, size)
        count = min(len(clip.observations), round(seconds * 25))
        told = workspace.file("actors", name, "parquet")
        truth, phones = Track.load(told).select(slice(0, count)), read_table(told).column("phone").to_pylist()[:count]
        count = len(truth)
        box = column(read_table(workspace.file("crop", name, "parquet")), "box")[:count]
        clip = TrackedClip(name, clip.video, clip.observations.select(slice(0, count)), reference, clip.reference_video)
        valid = clip.observations.valid.numpy()
        for chosen in engine or ["landmarks", "photometric"]:
            shape_settings = ShapeSettings.model_validate_json(shape).model_copy(update={"engine": chosen})
            track_settings = TrackSettings.model_validate_json(track).model_copy(update={"engine": chosen})
            tracker = PhotometricTracker(head, shape_settings, track_settings, workspace.open_models, device)
            if (entry.identity, chosen) not in people:
                started = time.process_time()
                person = tracker.fit_shape(clip_of(workspace, reference, reference, size), lambda _: None)
                people[entry.identity, chosen] = person, time.process_time() - started, tracker.note()
            person, shape_s, said = people[entry.identity, chosen]
            started = time.process_time()
            found = tracker.fit_track(clip, person, lambda _: None)
            track_s = time.process_time() - started
            quality = measure(head, found, clip.observations)
            true_points = mesh_landmarks(full, truth, size, size)[0]
            rows[chosen].append(Row(
                name, chosen, rotation_error(truth, found, box, film_size, valid),
                vertex_error(truth, found, full, head, valid), curves(truth, found, full, head),
                100 * float(found.reprojection_px[found.valid].mean()) / clip.observations.eye_distance(),
                (jitter(true_points), quality.raw_jitter, quality.tracked_jitter),
                tracker.note().get("photometric_rms"), said.get("outline_iou"), phones, shape_s, track_s,
            ))  # fmt: skip
    report(rows)


def report(rows: dict[str, list[Row]]) -> None:
    channels = list(next(iter(rows.values()))[0].curves)
    table = Table("take", "engine", "rotation", "face RMS", *[f"{channel} r" for channel in channels], "landmarks",
                  "jitter: true, raw, tracked", "colour", "outline IoU", "shape s", "track s")  # fmt: skip
    for name in [row.take for row in next(iter(rows.values()))]:
        for chosen, ours in rows.items():
            add(table, [row for row in ours if row.take == name], channels, name, chosen)
    table.add_section()
    for chosen, ours in rows.items():
        add(table, ours, channels, "all", chosen)
    console = Console(width=220)
    console.print(table)
    gains = Table("slope on the truth", *channels)
    for chosen, ours in rows.items():
        gains.add_row(chosen, *[f"{slope(ours, channel):.2f}" for channel in channels])
    console.print(gains)
    lips = Table("lips, mm", "engine", "frames", "p b m: true", "found", "under 1 mm", "crossing", "open vowels: true",
                 "found", "all: bias", "absolute", "apart, yet shut")  # fmt: skip
    for name in [*[row.take for row in next(iter(rows.values()))], ""]:
        for chosen, ours in rows.items():
            add_lips(lips, [row for row in ours if name in ("", row.take)], name or "all", chosen)
    console.print(lips)


_OPEN_VOWEL = 0.6
_LEAST_TOUCH, _CROSSING, _APART = 1.0, -1.0, 2.5  # mm


def add_lips(table: Table, rows: list[Row], name: str, engine: str) -> None:
    truth, found = (np.concatenate([row.curves["lips"][k] for row in rows]) for k in (0, 1))
    phones = [phone for row in rows for phone in row.phones]
    shut = np.array([spoken(p, lambda s: s.place == "bilabial" and s.manner in ("stop", "nasal")) for p in phones])
    wide = np.array([spoken(p, lambda s: s.kind == "vowel" and s.openness > _OPEN_VOWEL) for p in phones])
    error, apart = found - truth, truth > _APART
    table.add_row(
        name, engine, f"{shut.sum()}", f"{truth[shut].mean():.2f}", f"{found[shut].mean():.2f}",
        f"{(found[shut] < _LEAST_TOUCH).mean():.1%}", f"{(found[shut] < _CROSSING).mean():.1%}",
        f"{truth[wide].mean():.2f}", f"{found[wide].mean():.2f}", f"{error.mean():+.2f}", f"{np.abs(error).mean():.2f}",
        f"{(found[apart] < _LEAST_TOUCH).mean():.1%}",
    )  # fmt: skip


def add(table: Table, rows: list[Row], channels: list[str], name: str, engine: str) -> None:
    def pair(values: list[tuple[float, ...] | None], form: str) -> str:
        known = [value for value in values if value is not None]
        return " → ".join(format(one, form) for one in np.mean(known, axis=0)) if known else "–"

    table.add_row(
        name, engine, f"{np.mean([row.rotation for row in rows]):.2f}°",
        f"{np.sqrt(np.mean([row.vertices**2 for row in rows])):.2f} mm",
        *[f"{correlation(rows, channel):.3f}" for channel in channels],
        f"{np.mean([row.landmarks for row in rows]):.2f} %", pair([row.jitter for row in rows], ".2f"),
        pair([row.colour for row in rows], ".4f"), pair([row.outline for row in rows], ".3f"),
        f"{np.mean([row.shape_s for row in rows]):.1f}", f"{np.mean([row.track_s for row in rows]):.1f}",
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
