"""What the perception stages of one clip cost: `python -m benchmarks.stages CLIP [STAGE …]` in a project's folder.

Runs each stage as DVC does, in a process of its own, over the inputs that are there (`dvc repro features@CLIP
matte@CLIP` makes them), and prints user and system CPU seconds beside wall seconds: the former hardly change when the
machine is busy. Importing is the sum of `-X importtime`, in wall seconds; it costs a few hundredths itself. About a
minute a clip.
"""

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from emotag.errors import InputError
from emotag.media.video import count_frames
from emotag.progress import console
from stages.settings import load_settings
from stages.workspace import Workspace

PER_CLIP = ("ingest", "crop", "landmarks", "track", "matte", "action_units", "emotion", "audio", "features")
PER_PERSON = ("shape", "identity")
ORDER = (*PER_CLIP[:3], "shape", *PER_CLIP[3:7], "identity", *PER_CLIP[7:8], "geometry", *PER_CLIP[8:])


@dataclass(frozen=True)
class Cost:
    """Seconds of one run."""

    wall: float
    cpu: float
    imports: float


def run_stage(stage: str, *arguments: str) -> Cost:
    """Run a stage and measure it. Raises InputError when it fails."""
    command = [sys.executable, "-X", "importtime", "-m", f"stages.{stage}", *arguments]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"})
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("import time:")]
        raise InputError(f"stage {stage} failed: {lines[-1] if lines else done.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, import_seconds(done.stderr))


def import_seconds(told: str) -> float:
    """Sum each module's own time in the output of `-X importtime` (microseconds in the first column)."""
    rows = [line.removeprefix("import time:") for line in told.splitlines() if line.startswith("import time:")]
    own = [row.split("|")[0].strip() for row in rows]
    return sum(int(number) for number in own if number.isdigit()) / 1e6


def main(
    clip: Annotated[str, typer.Argument(help="A clip of params.yaml: best a person's reference.")],
    stages: Annotated[list[str] | None, typer.Argument(help="Only these stages.")] = None,
) -> None:
    """Measure the perception stages of a clip."""
    settings, workspace = load_settings(), Workspace(Path())
    person = settings.clip(clip).identity
    chosen = [stage for stage in ORDER if stage in (stages or ORDER)]
    frames = count_frames(workspace.file("ingest", clip, "mp4"))
    table = Table(title=f"{clip}: {frames} frames", title_justify="left")
    for heading in ("stage", "CPU s", "wall s", "of which imports", "frames / CPU s"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    total = [0.0, 0.0, 0.0]
    for stage in chosen:
        cost = run_stage(stage, *(("--identity", person) if stage in PER_PERSON else ("--clip", clip)))
        for index, value in enumerate((cost.cpu, cost.wall, cost.imports)):
            total[index] += value
        table.add_row(
            stage, f"{cost.cpu:.2f}", f"{cost.wall:.2f}", f"{cost.imports:.2f}", f"{frames / max(cost.cpu, 1e-6):.0f}"
        )
    table.add_section()
    table.add_row("all", *(f"{value:.2f}" for value in total), f"{frames / max(total[0], 1e-6):.1f}")
    console.print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
