"""Learn what Face Mesh holds back, on synthetic actors: writes emotag/perception/tracking/landmark_bias.npz.

    dvc repro open_head open_models
    python -m benchmarks.landmark_bias [--people 56] [--jobs 2] [--dry]

Every person is drawn from a seed that no example uses, acts three lines in drawn emotions, and is filmed without sound.
A quarter of the people are held out to say what the map is worth; the file is then fitted on all of them. Errors are
root mean squares in percent of the outer-eye distance, `gain` is the slope of the shown height on the true one (1 would
be right), both before and after, on the people held out.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from emotag.actors.actor import draw_actor
from emotag.actors.look.renderer import Renderer
from emotag.actors.posed import posed
from emotag.actors.settings import FilmSettings, LineSettings
from emotag.actors.take import rehearse
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.iris import IrisNetwork
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.perception.landmarks.settings import LandmarksSettings
from emotag.perception.tracking.bias import FILE, EyeFrame, LandmarkBias
from emotag.progress import track
from emotag.vocabulary import EMOTIONS
from stages.workspace import Workspace

FIRST_SEED = 10_000
COMPONENTS = 48
RIDGE_WITHIN, RIDGE_BETWEEN = 0.02, 0.3  # of the number of samples, codes having unit variance
FILM_SIZE, CROP_SIZE = 512, 256
LINES = (
    "Maybe the people up there have a boat for five of us.",
    "We walked from the bridge to the old farm before noon.",
    "Why would you give the whole box to my neighbour?",
    "Pack my bag, please, and bring the blue map along.",
    "I thought about you when the music began to play.",
    "Most of them never believed what father had to say.",
)
HEIGHTS = {"inner brow": (55, 107, 285, 336), "outer brow": (70, 63, 300, 293), "nose tip": (1, 4), "chin": (152,)}
HEIGHTS |= {"upper lip": (13,), "lower lip": (14,), "lip corners": (61, 291)}


def film(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:  # (n, 468, 3), (n, 468, 2) crop pixels
    """Give what Face Mesh shows of a person and what was true."""
    torch.set_num_threads(1)
    workspace = Workspace()
    head = HeadModel.load(workspace.open_head)
    rng = np.random.default_rng(seed)
    actor = draw_actor(seed, "female" if seed % 2 else "male")
    settings = FilmSettings(picture_size=FILM_SIZE, focal_length=float(rng.uniform(2.2, 3.2)))
    lines = []
    for text in rng.choice(LINES, 3, replace=False):
        emotion = str(rng.choice(EMOTIONS))
        level = 0 if emotion == "neutral" else int(rng.integers(1, 4))
        lines.append(LineSettings.model_validate({"text": str(text), "emotion": emotion, "level": level}))
    take = rehearse(head, actor, actor.voice, lines, seed, settings)
    camera = Camera(settings.focal_length, FILM_SIZE, FILM_SIZE)
    renderer = Renderer(head, torch.from_numpy(actor.shape), actor.look, camera)
    vertices = posed(head, actor.shape, take.performance)
    chosen = np.linspace(0, take.frames - 1, frames).round().astype(int)
    images = [
        cv2.resize(
            renderer.frame(vertices[i].numpy(), int(i)).rgb, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA
        )
        for i in chosen
    ]
    models = workspace.open_models
    found = track_landmarks(images, BlazeFace(models), FaceMesh(models), IrisNetwork(models), LandmarksSettings())
    true = camera.project(head.landmarks468.points(vertices[torch.from_numpy(chosen)], head.faces))[0].numpy()
    return found.points[found.valid], true[found.valid] * CROP_SIZE / FILM_SIZE


def fit(people: list[tuple[np.ndarray, np.ndarray]]) -> LandmarkBias:
    """Fit the map: principal components of what is shown, then two ridge regressions."""
    shown, missing = zip(*(normalised(*person) for person in people))
    everything = torch.cat(shown)
    mean = everything.mean(0)
    _, scale, directions = torch.linalg.svd(everything - mean, full_matrices=False)
    basis = directions[:COMPONENTS].T / scale[:COMPONENTS] * len(everything) ** 0.5
    codes = [(one - mean) @ basis for one in shown]
    usual = torch.stack([one.mean(0) for one in codes])
    error = torch.stack([one.mean(0) for one in missing])
    constant = error.mean(0)
    between = ridge(usual, error - constant, RIDGE_BETWEEN)
    deviation = torch.cat([one - one.mean(0) for one in codes])
    within = ridge(deviation, torch.cat([one - one.mean(0) for one in missing]), RIDGE_WITHIN)
    return LandmarkBias(mean, basis, within, between, constant)


def ridge(x: torch.Tensor, y: torch.Tensor, amount: float) -> torch.Tensor:
    penalty = amount * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(x.T @ x + penalty, x.T @ y)


def normalised(shown: np.ndarray, true: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:  # (n, 1404), (n, 936)
    points, wanted = torch.from_numpy(shown), torch.from_numpy(true)
    frame = EyeFrame.of(points)
    inside = frame.inside(points)
    return inside.flatten(1), (frame.inside(wanted) - inside[..., :2]).flatten(1)


def report(bias: LandmarkBias, people: list[tuple[np.ndarray, np.ndarray]], console: Console) -> None:
    table = Table(title=f"{len(people)} people held out")
    for heading in ("", "error", "corrected", "gain", "corrected"):
        table.add_column(heading)
    pairs = []
    for shown, true in people:
        points = torch.from_numpy(shown)
        after = bias.corrected(points, bias.usual(points))
        frame = EyeFrame.of(points)
        pairs.append([frame.inside(one[..., :2]).numpy() for one in (torch.from_numpy(true), points, after)])
    rms = [100 * np.sqrt(np.mean([((a[k] - a[0]) ** 2).sum(-1).mean() for a in pairs])) for k in (1, 2)]
    table.add_row("all points", *(f"{one:.2f} %" for one in rms))
    for name, index in HEIGHTS.items():
        heights = [[one[:, list(index), 1].mean(1) for one in a] for a in pairs]
        centred = [np.concatenate([a[k] - a[k].mean() for a in heights]) for k in range(3)]
        errors = [f"{100 * (one - centred[0]).std():.2f} %" for one in centred[1:]]
        gains = [f"{(one @ centred[0]) / (centred[0] @ centred[0]):.2f}" for one in centred[1:]]
        table.add_row(name, *errors, *gains)
    console.print(table)


def main(
    people: Annotated[int, typer.Option(help="How many people are filmed.")] = 56,
    frames: Annotated[int, typer.Option(help="Frames of each.")] = 40,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
    dry: Annotated[bool, typer.Option(help="Only print what the map is worth.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Keep what was filmed in this .npz, or read it.")] = None,
) -> None:
    if cache is not None and cache.is_file():
        with np.load(cache) as arrays:
            filmed = [(arrays[f"shown{i}"], arrays[f"true{i}"]) for i in range(len(arrays.files) // 2)]
    else:
        seeds = range(FIRST_SEED, FIRST_SEED + people)
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            made = pool.map(film, seeds, [frames] * people)
            filmed = [person for person in track(made, "filming", people) if len(person[0]) > 1]
        if cache is not None:
            arrays = {f"shown{i}": one[0] for i, one in enumerate(filmed)} | {
                f"true{i}": one[1] for i, one in enumerate(filmed)
            }
            np.savez(cache, **arrays)  # type: ignore[arg-type]
    held_out = filmed[::4]
    report(fit([one for index, one in enumerate(filmed) if index % 4]), held_out, Console())
    if not dry:
        target = Path("emotag/perception/tracking") / FILE
        arrays = {name: value.numpy().astype(np.float16) for name, value in vars(fit(filmed)).items()}
        np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
        print(f"{target}: {target.stat().st_size / 1e3:.0f} kB, from {len(filmed)} people")


if __name__ == "__main__":
    typer.run(main)
