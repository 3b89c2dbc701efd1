"""What the pipeline perceives of synthetic actors, against their truth.

    dvc repro                      # films the takes of params.yaml and perceives them
    python -m benchmarks.actors [TAKE ...] [--root FOLDER]

Landmark errors are in percent of the true outer-eye distance, in the video's pixels. Correlations are over all frames
after each take's own mean is removed. Rotation is that of the head (trunk and neck together) as the crop's virtual
camera sees it. Vertex errors are RMS over the face region in millimetres, after one scale per take (a single camera
cannot know it) and a rigid alignment per frame, so that they hold shape, expression and jaw.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.tracking.track import Track
from emotag.tables import column, read_table
from emotag.vocabulary import ACTION_UNITS, EMOTIONS, au_column
from stages.settings import load_settings
from stages.workspace import Workspace

CHANNELS = {
    "blink": ("eyeBlink_L", "eyeBlink_R"),
    "smile": ("mouthSmile_L", "mouthSmile_R"),
    "brow raise": ("browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R"),
    "brow down": ("browDown_L", "browDown_R"),
    "frown": ("mouthFrown_L", "mouthFrown_R"),
    "pucker": ("mouthPucker", "mouthFunnel"),
}
OUTER_EYES = (36, 45)
INNER_68 = slice(17, 68)  # without the jaw's outline, which the two schemes place differently


@dataclass(frozen=True)
class Take:
    name: str
    found: float  # share of frames with landmarks
    landmarks: tuple[float, float, float]  # % of the outer-eye distance: 468, iBUG 68, iBUG without the jaw line
    rotation: float  # degrees
    vertices: float  # mm RMS
    curves: dict[str, tuple[np.ndarray, np.ndarray]]  # channel -> truth, perceived
    emotion: tuple[float, float]  # share of apex frames whose strongest emotion is right; mean e there


def measure(workspace: Workspace, name: str, full: HeadModel, head: HeadModel, film_size: int, size: int) -> Take:
    truth_path = workspace.file("actors", name, "parquet")
    table, truth = read_table(truth_path), Track.load(truth_path)
    box = column(read_table(workspace.file("crop", name, "parquet")), "box")  # (T, 3) x, y, side
    tracked = Track.load(workspace.file("track", name, "parquet"))
    seen = read_table(workspace.file("landmarks", name, "parquet"))
    count = min(len(truth), len(tracked))
    valid = column(seen, "valid")[:count]
    take = truth.select(slice(0, count))
    landmarks = _landmark_errors(table, seen, box, size, valid)
    rotation = rotation_error(take, tracked, box[:count], film_size, valid)
    curves = {"jaw": (take.jaw_pose[:, 0].numpy(), tracked.jaw_pose[:count, 0].numpy())}
    for channel, names in CHANNELS.items():
        curves[channel] = tuple(  # type: ignore[assignment]
            one.expression[:count, [model.expression_names.index(name) for name in names]].mean(1).numpy()
            for one, model in ((take, full), (tracked, head))
        )
    units = read_table(workspace.file("action_units", name, "parquet"))
    for unit in ACTION_UNITS:
        curves[f"AU{unit:02d}"] = (column(table, au_column(unit))[:count], column(units, au_column(unit))[:count])
    return Take(
        name,
        float(valid.mean()),
        landmarks,
        rotation,
        vertex_error(take, tracked, full, head, valid),
        curves,
        _emotion(table, read_table(workspace.file("emotion", name, "parquet")), count),
    )


def _landmark_errors(table, seen, box, size, valid):  # type: ignore[no-untyped-def]
    count = len(valid)
    scale = box[:count, 2] / size
    found = column(seen, "points468")[:count].reshape(count, 468, 3)[..., :2] * scale[:, None, None]
    found = found + box[:count, None, :2]
    dense = column(table, "points468")[:count].reshape(count, 468, 2)
    sparse = column(table, "points68")[:count].reshape(count, 68, 2)
    eyes = np.linalg.norm(sparse[:, OUTER_EYES[0]] - sparse[:, OUTER_EYES[1]], axis=1)

    def error(a: np.ndarray, b: np.ndarray) -> float:
        return float(100 * (np.linalg.norm(a - b, axis=2).mean(1) / eyes)[valid].mean())

    ibug = found[:, IBUG68]
    return error(found, dense), error(ibug, sparse), error(ibug[:, INNER_68], sparse[:, INNER_68])


def rotation_error(truth: Track, tracked: Track, box: np.ndarray, film_size: int, valid: np.ndarray) -> float:
    focal = truth.focal_length * film_size
    middle = box[:, :2] + box[:, 2:3] / 2 - film_size / 2
    yaw, pitch = np.arctan2(middle[:, 0], focal), np.arctan2(middle[:, 1], focal)
    zero = np.zeros_like(yaw)

    def turn(angles: np.ndarray) -> torch.Tensor:
        return axis_angle_to_matrix(torch.as_tensor(angles, dtype=torch.float32))

    # The crop is what a camera turned towards the box would see, nearly: undo its turn (right by yaw, down by pitch).
    camera = turn(np.stack((pitch, zero, zero), axis=1)) @ turn(np.stack((zero, yaw, zero), axis=1))
    wanted = camera @ axis_angle_to_matrix(truth.rotation) @ axis_angle_to_matrix(truth.neck_pose)
    found = axis_angle_to_matrix(tracked.rotation) @ axis_angle_to_matrix(tracked.neck_pose)
    relative = wanted.transpose(1, 2) @ found[: len(wanted)]
    cosine = (relative.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    return float(torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))[torch.from_numpy(valid)].mean())


def vertex_error(truth: Track, tracked: Track, full: HeadModel, head: HeadModel, valid: np.ndarray) -> float:
    frames = torch.from_numpy(np.flatnonzero(valid))
    wanted = truth.vertices(full, frames)[:, full.regions["face"]].double()
    found = tracked.vertices(head, frames)[:, head.regions["face"]].double()
    wanted, found = (points - points.mean(1, keepdim=True) for points in (wanted, found))
    scale = (wanted.square().sum() / found.square().sum()).sqrt()
    u, _, v = torch.linalg.svd(wanted.transpose(1, 2) @ found)
    sign = torch.ones(len(frames), 3, dtype=torch.float64)
    sign[:, 2] = torch.linalg.det(u @ v)
    aligned = scale * found @ ((u * sign[:, None]) @ v).transpose(1, 2)
    return float(1000 * (aligned - wanted).square().sum(2).mean().sqrt())


def _emotion(table, teacher, count):  # type: ignore[no-untyped-def]
    names = [f"p_{emotion}" for emotion in EMOTIONS]
    truth = np.stack([column(table, name)[:count] for name in names], axis=1)
    found = np.stack([column(teacher, name)[:count] for name in names], axis=1)
    e = column(table, "e")[:count]
    apex = e >= 0.8 * e.max() if e.max() > 0 else np.ones(count, dtype=bool)
    right = (truth[apex].argmax(1) == found[apex].argmax(1)).mean()
    return float(right), float(column(teacher, "e")[:count][apex].mean())


def pooled(takes: list[Take], channel: str) -> tuple[float, float]:
    """Correlation over all takes after each one's mean is removed, and the share of truth's spread that is found."""
    truth = np.concatenate([take.curves[channel][0] - take.curves[channel][0].mean() for take in takes])
    found = np.concatenate([take.curves[channel][1] - take.curves[channel][1].mean() for take in takes])
    if truth.std() < 1e-9 or found.std() < 1e-9:
        return float("nan"), float("nan")
    return float(np.corrcoef(truth, found)[0, 1]), float((truth * found).mean() / truth.var())


def main(
    takes: Annotated[list[str] | None, typer.Argument(help="Takes; all of params.yaml by default.")] = None,
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
) -> None:
    workspace, settings = Workspace(root), load_settings(root / "params.yaml")
    full, head = HeadModel.load(workspace.open_head), HeadModel.load(workspace.head)
    names = takes or list(settings.takes)
    rows = [measure(workspace, name, full, head, settings.film.picture_size, settings.resolution) for name in names]
    table = Table(title="Perception of synthetic actors, against the truth")
    headings = ("take", "face found", "468 points", "68 points", "68, no jaw line", "rotation", "face RMS")
    for heading in (*headings, "jaw r", "blink r", "smile r", "brow r", "emotion", "e"):
        table.add_column(heading)
    for row in rows:
        correlations = [f"{pooled([row], channel)[0]:.2f}" for channel in ("jaw", "blink", "smile", "brow raise")]
        errors = [f"{error:.2f} %" for error in row.landmarks]
        figures = [f"{row.rotation:.2f}°", f"{row.vertices:.2f} mm", *correlations]
        table.add_row(row.name, f"{row.found:.1%}", *errors, *figures, f"{row.emotion[0]:.0%}", f"{row.emotion[1]:.2f}")
    means = [f"{np.mean([row.landmarks[k] for row in rows]):.2f} %" for k in range(3)]
    table.add_section()
    table.add_row(
        "all", f"{np.mean([row.found for row in rows]):.1%}", *means, f"{np.mean([row.rotation for row in rows]):.2f}°",
        f"{np.sqrt(np.mean([row.vertices**2 for row in rows])):.2f} mm",
        *[f"{pooled(rows, channel)[0]:.2f}" for channel in ("jaw", "blink", "smile", "brow raise")],
        f"{np.mean([row.emotion[0] for row in rows]):.0%}",
    )  # fmt: skip
    console = Console(width=160)
    console.print(table)
    curves = Table(title="Curves over all takes: correlation with the truth, and slope on it")
    for heading in ("channel", "r", "slope"):
        curves.add_column(heading)
    for channel in rows[0].curves:
        r, slope = pooled(rows, channel)
        curves.add_row(channel, f"{r:.2f}", f"{slope:.2f}")
    console.print(curves)


if __name__ == "__main__":
    typer.run(main)
