"""Speed of the renderer of synthetic actors on this machine, and where a frame's time goes.

    python benchmarks/actors_render.py [--head HEAD.npz] [--sizes 256 512] [--workers 1 2] [--frames 24]

Without --head the open head is generated. Every actor is drawn by seed; frames turn the head and open the mouth. Kernel
times are CPU time of one thread; frames/s is wall time. Kernels are compiled (and cached) before anything is measured.
"""

import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from emotag.actors.look import renderer, strand_pass
from emotag.actors.look.draw import draw_look
from emotag.actors.look.look import HairStyle, Look
from emotag.actors.look.renderer import Renderer
from emotag.camera import Camera
from emotag.head.model import HeadModel

FOCAL_LENGTH = 3.0
HEIGHT = 0.03  # metres the actor stands above the picture's centre
STYLES: tuple[HairStyle, ...] = ("shaved", "short", "curly", "bob", "long")
TIMED = (
    (renderer, ("normals", "project", "rasterize", "resolve", "soften", "expose", "truth_maps")),
    (strand_pass, ("bind", "draw_strands")),
)


def posed(head: HeadModel, frames: int) -> np.ndarray:  # (T, V, 3)
    """A head that turns to and fro and speaks."""
    time_s = torch.arange(frames) / 25
    turn = torch.stack(
        (0.06 * torch.sin(3 * time_s), 0.35 * torch.sin(2 * time_s), 0.05 * torch.sin(5 * time_s)), dim=1
    )
    still = torch.zeros(frames, 3)
    jaw = still.clone()
    jaw[:, 0] = 0.12 * (1 - torch.cos(20 * time_s))
    place = still + torch.tensor([0.0, HEIGHT, 0.0])
    shape, expression = torch.zeros(head.n_shape), torch.zeros(frames, head.n_expression)
    return head.vertices(shape, expression, jaw, turn, torch.zeros(frames, 6), still, place).numpy()


def timed(module: Any, name: str, spent: dict[str, float]) -> Callable[..., Any]:
    """Wrap a function of a module so that its CPU time is summed up."""
    inner = getattr(module, name)

    def outer(*arguments: Any) -> Any:
        start = time.thread_time()
        result = inner(*arguments)
        spent[name] += time.thread_time() - start
        return result

    setattr(module, name, outer)
    return inner


def parts(actor: Renderer, vertices: np.ndarray, truth: bool) -> dict[str, float]:  # ms a frame
    """Measure where the CPU time of a frame goes."""
    spent: dict[str, float] = defaultdict(float)
    inner = {(module, name): timed(module, name, spent) for module, names in TIMED for name in names}
    start = time.thread_time()
    for index, shown in enumerate(vertices):
        actor.frame(shown, index, truth)
    total = time.thread_time() - start
    for (module, name), function in inner.items():
        setattr(module, name, function)
    return {
        "total": 1e3 * total / len(vertices),
        **{name: 1e3 * value / len(vertices) for name, value in spent.items()},
    }


def main(
    head: Annotated[Path | None, typer.Option(help="A HeadModel; without it the open head is made.")] = None,
    sizes: Annotated[list[int] | None, typer.Option(help="Sides of the picture.")] = None,
    workers: Annotated[list[int] | None, typer.Option(help="Threads.")] = None,
    frames: int = 24,
) -> None:
    """Print two tables."""
    if head is None:
        from emotag.head.open_head.assemble import open_head

        model = open_head()
    else:
        model = HeadModel.load(head)
    vertices = posed(model, frames)
    rates = Table(title=f"frames/s, {platform.processor() or platform.machine()}")
    for column in ("size", "hair", "ready s", *(f"{count} thread(s)" for count in workers or [1, 2])):
        rates.add_column(column, justify="right")
    costs = Table(title="CPU time of a frame with truth maps, ms")
    names = [name for _, some in TIMED for name in some]
    for column in ("size", "hair", "total", *names, "rest"):
        costs.add_column(column, justify="right")
    for size in sizes or [256, 512]:
        for style in STYLES:
            look: Look = draw_look(3, "female")
            look = replace(look, hair=replace(look.hair, style=style))
            start = time.perf_counter()
            actor = Renderer(model, torch.zeros(model.n_shape), look, Camera(FOCAL_LENGTH, size, size))
            actor.frame(vertices[0], 0, True)
            ready = time.perf_counter() - start
            row = []
            for count in workers or [1, 2]:
                laps = []
                for _ in range(3):
                    start = time.perf_counter()
                    for _frame in actor.frames(vertices, workers=count):
                        pass
                    laps.append(time.perf_counter() - start)
                row.append(f"{frames / median(laps):.1f}")
            rates.add_row(str(size), style, f"{ready:.1f}", *row)
            cost = parts(actor, vertices, True)
            known = sum(cost.get(name, 0.0) for name in names)
            cells = [f"{cost.get(name, 0.0):.1f}" for name in names]
            costs.add_row(str(size), style, f"{cost['total']:.1f}", *cells, f"{cost['total'] - known:.1f}")
    console = Console(width=150)
    console.print(rates)
    console.print(costs)


if __name__ == "__main__":
    typer.run(main)
