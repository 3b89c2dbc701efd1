"""Pretraining in 1, 2, … processes: `python -m benchmarks.processes [--counts 1 --counts 2] [--device cuda]`.

Writes people of its own (`synthetic_workspace.py`), pretrains on them by `torchrun` with each number of processes, and
prints rendered frames per second: of training alone (without opening clips, with the wait for streamed ones), from the
log. Each process takes a GPU. Footage is streamed when it is longer than --held.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.table import Table

from benchmarks.synthetic_workspace import SyntheticWorkspace, environment
from emotag.errors import InputError
from emotag.progress import console


def pretrain_in(folder: Path, processes: int) -> tuple[float, float]:  # wall seconds, frames per second of training
    """Run the stage with so many processes. Raises InputError when it fails."""
    shutil.rmtree(folder / "models" / "motion", ignore_errors=True)
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "stages.pretrain"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *launcher],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - started
    if done.returncode:
        raise InputError(f"{processes} processes failed:\n{_reason(done.stderr)}")
    log = pq.read_table(folder / "models" / "motion" / "log.parquet", columns=["frames_seen", "seconds"])
    frames, seconds = (log[name].to_numpy() for name in ("frames_seen", "seconds"))
    late = frames > frames.max() / 2  # the first half also compiles and fills caches
    early = int(frames[~late].max()) if (~late).any() else 0
    spent = seconds.max() - (seconds[~late].max() if early else 0.0)
    return wall, float((frames.max() - early) / spent)


def _reason(told: str) -> str:
    """What the processes said before torchrun's own summary."""
    return told.split("torch/distributed/elastic")[0][-3000:]


def main(
    head: Annotated[Path, typer.Option(help="Head model.")] = Path("models/head/head.npz"),
    counts: Annotated[list[int] | None, typer.Option(help="Numbers of processes (default: 1 and 2).")] = None,
    people: Annotated[int, typer.Option(help="People of the corpus.")] = 4,
    seconds: Annotated[float, typer.Option(help="Footage of each.")] = 20.0,
    side: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 512,
    splats: Annotated[int, typer.Option(help="Splats of a person.")] = 60_000,
    frames: Annotated[int, typer.Option(help="Rendered frames of all processes.")] = 8000,
    batch: Annotated[int, typer.Option(help="Frames of a step of one process.")] = 16,
    held: Annotated[int, typer.Option(help="pretrain.resident_frames.")] = 250,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cuda",
) -> None:
    """Time pretraining by number of processes."""
    if not head.is_file():
        raise InputError(f"{head}: not found; run `dvc repro head` or name another with --head")
    training = {"frames": frames, "static_frames": frames // (8 * people), "batch": batch, "motion_windows": 8}
    settings = {
        "device": device,
        "splats": {"count": splats},
        "pretrain": training | {"resident_frames": held, "stretch_renders": held},
        "adapt": training,
    }
    table = Table(title=f"{people} people, {side}², {splats} splats, batch {batch} a process", title_justify="left")
    for heading in ("processes", "frames/s", "wall s"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as made:
        names = {f"p{k}": seconds for k in range(people)}
        SyntheticWorkspace(Path(made), head.absolute(), side, 168, names, settings=settings).write()
        for count in counts or (1, 2):
            wall, speed = pretrain_in(Path(made), count)
            table.add_row(f"{count}", f"{speed:.0f}", f"{wall:.0f}")
    console.print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
