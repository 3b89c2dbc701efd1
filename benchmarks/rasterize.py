"""Speed of the rasterizer on this machine: the kernel against the autograd reference, forward and forward + backward.

    python benchmarks/rasterize.py [--repeats N] [--device cuda] [--skip-reference]

The scene is a head's: flat splats on an ellipsoid over 40 % of the image, opacities 0.3–0.99, degree 0. *dense* is the
reference as it stands, every splat at every pixel, in squares of 16 pixels whose intermediates the backward pass
recomputes (all at once they need 100 GB). *culled* is the same code when each square gets only the splats that meet it.
Both run once; the kernel's time is the median of its repeats. Threads follow OMP_NUM_THREADS. Takes 2 to 3 minutes.
"""

import math
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from emotag.camera import Camera
from emotag.splats import reference
from emotag.splats.rasterize import Render, rasterize

CASES = ((10_000, 256, 1), (10_000, 128, 1), (60_000, 512, 1), (10_000, 256, 4))  # splats, pixels of a side, frames
COVERED = 0.4
ASPECT = (0.85, 1.15, 1.0)  # width, height, depth of a head over their mean
FLATNESS = 0.1
OVERLAP = 0.8  # standard deviation of a splat over the mean distance to its neighbour
FOCAL_LENGTH = 2.0
REFERENCE_LIMIT = 1_000_000_000  # pairs of splat and pixel: beyond, the reference takes many minutes
REFERENCES: dict[str, dict[str, object]] = {"culled": {"block": 16, "cull": True}, "dense": {"block": 16}}

Scene = dict[str, Tensor]


def head_scene(splats: int, frames: int, device: str) -> Scene:
    """Flat splats on an ellipsoid that covers COVERED of the image of Camera(FOCAL_LENGTH, …)."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(splats, 3, generator=generator), dim=-1)
    radius = math.sqrt(COVERED / math.pi) / FOCAL_LENGTH  # metres: the image is 1/focal wide at the origin
    axes = radius * torch.tensor(ASPECT)
    normal = torch.nn.functional.normalize(direction / axes, dim=-1)
    up = torch.tensor([0.0, 0.0, 1.0]).expand_as(normal)
    turn = torch.cat((1 + (up * normal).sum(-1, keepdim=True), torch.linalg.cross(up, normal)), dim=-1)
    spacing = radius * math.sqrt(4 * math.pi / splats)
    flat = torch.tensor([1.0, 1.0, FLATNESS]) * OVERLAP * spacing
    scene = {
        "means": (direction * axes).expand(frames, splats, 3),
        "quaternions": turn.expand(frames, splats, 4),
        "scales": (flat * torch.exp(0.3 * torch.randn(splats, 3, generator=generator))).expand(frames, splats, 3),
        "opacities": 0.3 + 0.69 * torch.rand(splats, generator=generator),
        "sh": 0.5 * torch.randn(splats, 1, 3, generator=generator),
    }
    return {name: value.contiguous().to(device) for name, value in scene.items()}


def measure(
    render: Callable[..., Render], scene: Scene, size: int, repeats: int, device: str, **options: object
) -> tuple[float, float]:  # seconds a frame: forward, forward + backward
    """Time one rasterizer: the median of the repeats, after one that is not counted if there are more."""
    camera = Camera(FOCAL_LENGTH, size, size)
    view, intrinsics = camera.view_matrix().to(device), camera.intrinsics().to(device)
    leaves = {name: value.clone().requires_grad_() for name, value in scene.items()}
    frames = scene["means"].shape[0]
    weight = torch.rand(frames, size, size, 3, device=device)
    forward, both = [], []
    for _ in range(repeats + (repeats > 1)):
        start = now(device)
        result = render(**leaves, view_matrix=view, intrinsics=intrinsics, width=size, height=size, **options)
        forward.append(now(device) - start)
        torch.autograd.grad((result.colour * weight).sum() + result.alpha.sum(), list(leaves.values()))
        both.append(now(device) - start)
    counted = slice(1 if repeats > 1 else 0, None)
    return median(forward[counted]) / frames, median(both[counted]) / frames


def now(device: str) -> float:
    """Seconds, when the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def main(
    repeats: Annotated[int, typer.Option(help="runs of the kernel; the median is shown")] = 15,
    device: Annotated[str, typer.Option(help="cpu, or cuda for gsplat")] = "cpu",
    skip_reference: Annotated[bool, typer.Option(help="time the kernel only")] = False,
) -> None:
    """Print the table."""
    start = time.perf_counter()
    small = head_scene(100, 1, device)
    measure(rasterize, small, 32, 1, device)
    first_call = time.perf_counter() - start
    table = Table(
        title=f"rasterize() on {device}, {torch.get_num_threads()} threads ({platform.machine()}), ms a frame; "
        f"first call, with compilation or its cache: {first_call:.1f} s",
        title_justify="left",
    )
    for name in (
        "splats",
        "image",
        "frames",
        "what",
        "forward",
        "forward + backward",
        "frames/s forward",
        "kernel is faster",
    ):
        table.add_column(name, justify="left" if name == "what" else "right")
    console = Console()
    with console.status("measuring"):
        for splats, size, frames in CASES:
            scene = head_scene(splats, frames, device)
            kernel = measure(rasterize, scene, size, repeats, device)
            shape = (f"{splats:,}", f"{size}²", str(frames))
            table.add_row(*shape, "kernel", *(f"{1e3 * t:.1f}" for t in kernel), f"{1 / kernel[0]:.0f}", "")
            if not skip_reference and device == "cpu" and frames * splats * size * size <= REFERENCE_LIMIT:
                for name, options in REFERENCES.items():
                    slow = measure(reference.rasterize, scene, size, 1, device, **options)
                    faster = " | ".join(f"{b / a:.0f}×" for a, b in zip(kernel, slow))
                    table.add_row(*shape, name, *(f"{1e3 * t:.0f}" for t in slow), f"{1 / slow[0]:.2f}", faster)
            table.add_section()
    console.print(table)
    if not skip_reference and device == "cpu":
        console.print(
            f"References (autograd, run once, by squares): up to {REFERENCE_LIMIT:,} pairs of splat and pixel."
        )


if __name__ == "__main__":
    typer.run(main)
