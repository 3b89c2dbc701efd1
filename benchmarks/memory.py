"""Host memory of training: `python -m benchmarks.memory [--side 512] [--seconds 30] [--device cpu]`.

Writes people of its own (`synthetic_workspace.py`), runs the stages on them, each in a process of its own, and prints
the most memory that each held at a time (peak resident set, from the kernel). Pretraining runs over a corpus and over
one twice as long, streamed and held whole: streamed, the two must not differ by more than features do. Adaptation runs
on 5 s with the paper's number of splats. Needs a head model: models/head/head.npz, or --head. Five to ten minutes on
two cores at 512².
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmarks.synthetic_workspace import SyntheticWorkspace, environment
from emotag.errors import InputError
from emotag.progress import console

MEBIBYTE = 2**20
LIMIT_GIB = 4.0
"""What adaptation of 5 s at 512² may take."""

ADAPTED_S = 5.0
PEOPLE = 2


def peak_memory(folder: Path, *arguments: str) -> float:  # MiB
    """Run a Python module in a folder and give the most memory that it or a child of it held.

    Raises InputError when it fails.
    """
    command = [sys.executable, *arguments]
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(command, cwd=folder, env=environment(), stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            lines = told.read().decode(errors="replace").strip().splitlines()
            raise InputError(f"{' '.join(arguments)} failed: {lines[-1] if lines else child.returncode}")
    return usage.ru_maxrss * 1024 / MEBIBYTE  # Linux counts kibibytes


def main(
    head: Annotated[Path, typer.Option(help="Head model.")] = Path("models/head/head.npz"),
    side: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 512,
    seconds: Annotated[float, typer.Option(help="Footage of each of the corpus's people.")] = 30.0,
    splats: Annotated[int, typer.Option(help="Splats of the avatar.")] = 60_000,
    held: Annotated[int, typer.Option(help="pretrain.resident_frames.")] = 100,
    frames: Annotated[int, typer.Option(help="Rendered frames of each run.")] = 24,
    audio: Annotated[int, typer.Option(help="Width of the audio feature: 168 open, 1536 wav2vec 2.0 base.")] = 168,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Measure the peak memory of pretraining and adaptation."""
    if not head.is_file():
        raise InputError(f"{head}: not found; run `dvc repro head` or name another with --head")
    table = Table(title=f"peak host memory, {side}², {device}", title_justify="left")
    for heading in ("run", "footage s", "MiB"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    training: dict[str, Any] = {"frames": frames, "static_frames": frames // 4, "batch": 2, "motion_windows": 2}
    streamed = {"resident_frames": held, "stretch_renders": 4}
    with tempfile.TemporaryDirectory() as made:
        peaks = {}
        for times in (1, 2):
            folder = Path(made) / f"{times}"
            people = {f"p{k}": times * seconds for k in range(PEOPLE)}
            settings = {"device": device, "splats": {"count": 5000}, "pretrain": training, "adapt": training}
            project = SyntheticWorkspace(folder, head.absolute(), side, audio, people, settings=settings)
            project.write()
            for how, streaming in (("streamed", streamed), ("held whole", {"resident_frames": None})):
                project.write_settings(settings | {"pretrain": training | streaming})
                peaks[how, times] = peak_memory(folder, "-m", "stages.pretrain")
                table.add_row(f"pretraining, {how}", f"{PEOPLE} × {times * seconds:.0f}", f"{peaks[how, times]:.0f}")
        table.add_section()
        folder = Path(made) / "adapt"
        settings = {
            "device": device,
            "splats": {"count": splats},
            "pretrain": training,
            "adapt": training | {"batch": 4, "motion_windows": 1},
        }
        people = {"p0": 4.0, "avatar": ADAPTED_S}
        SyntheticWorkspace(folder, head.absolute(), side, audio, people, "avatar", settings).write()
        peak_memory(folder, "-m", "stages.pretrain")
        adapted = peak_memory(folder, "-m", "stages.adapt", "--identity", "avatar")
        table.add_row(f"adaptation, {splats} splats", f"{ADAPTED_S:.0f}", f"{adapted:.0f}")
        table.add_row("starting alone", "", f"{peak_memory(folder, '-c', 'import stages.adapt, gsplat, numba'):.0f}")
    console.print(table)
    grown = {how: peaks[how, 2] - peaks[how, 1] for how, times in peaks if times == 1}
    console.print(", ".join(f"{how}: {more:+.0f} MiB for twice the footage" for how, more in grown.items()))
    console.print(f"adaptation: {adapted / 1024:.2f} of {LIMIT_GIB} GiB")


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
