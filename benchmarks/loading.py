"""Seconds until adaptation can start: `python -m benchmarks.loading [--side 512] [--seconds 5] [--threads 1 2]`.

Writes a person of its own (`synthetic_workspace.py`) and times what the stage `adapt` reads: crop and matte inside the
head's window, depth and normals, features. Median of the repeats; the first reading of a file is not counted.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import torch
import typer
from rich.table import Table

from benchmarks.synthetic_workspace import SyntheticWorkspace
from emotag.media.video import count_frames
from emotag.perception.geometry.files import GeometryPaths
from emotag.progress import console
from emotag.training.clip import load_features
from emotag.training.frames import head_cover, load_frames
from emotag.training.geometry import load_geometry

REPEATS = 3


def main(
    head: Annotated[Path, typer.Option(help="Head model.")] = Path("models/head/head.npz"),
    side: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 512,
    seconds: Annotated[float, typer.Option(help="Length of the clip.")] = 5.0,
    threads: Annotated[list[int] | None, typer.Option(help="Numbers of threads (default: 1 and all).")] = None,
) -> None:
    """Time loading by number of threads."""
    counts = threads or sorted({1, torch.get_num_threads()})
    with tempfile.TemporaryDirectory() as made:
        workspace = SyntheticWorkspace(Path(made), head.absolute(), side, 168, {"ada": seconds}, "ada").write()
        video, matte = workspace.file("crop", "ada", "mp4"), workspace.file("matte", "ada", "mkv")
        count = count_frames(matte)
        window = load_frames(video, matte, 1.0).window
        names = (("ada-depth", "mkv"), ("ada-normal", "mkv"), ("ada", "json"))
        paths = GeometryPaths(*(workspace.file("geometry", *name) for name in names))
        parts = {
            "head's window": lambda: head_cover(matte, count),
            "crop and matte, window included": lambda: load_frames(video, matte, 1.0),
            "depth and normals": lambda: load_geometry(paths, window, count),
            "features": lambda: load_features(workspace.file("features", "ada", "parquet")),
        }
        table = Table(title=f"{count} frames of {side}², window {window.width} × {window.height}", title_justify="left")
        table.add_column("part")
        for number in counts:
            table.add_column(f"s, {number} threads", justify="right")
        for part, load in parts.items():
            row = []
            for number in counts:
                torch.set_num_threads(number)
                row.append(f"{_seconds(load):.2f}")
            table.add_row(part, *row)
    console.print(table)


def _seconds(load: Callable[[], object]) -> float:
    spent = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        load()
        spent.append(time.perf_counter() - started)
    return median(spent)


if __name__ == "__main__":
    typer.run(main)
