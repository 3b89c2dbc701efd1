"""Speed of adaptation on this machine: where a step's time goes, at several batches, and the whole run.

    python -m benchmarks.train [--device cuda] [--batches 1,4,16] [--whole 16] [--small] [--trace FILE]

A person made of the open head and noise (benchmarks/synthetic.py) is adapted with every loss on. Three kinds of time:
*sections* wait for the device around each part of a step, so they add up to more than a step takes (on CUDA in two
rows: the halves of a step launched kernel by kernel, and replayed as graphs); *a step* is the loop as it runs; *floor*
is the rasterizer alone, forward and backward, on the same splats, window and channels. The batches in --whole run to
the end and are scored on a clip that training did not see: PSNR of the head's window and LMD, the mouth's landmarks in
pixels. Where another time is extrapolated, the table says so.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic import World, fresh_scene, make_world
from emotag.avatar import render_posed
from emotag.motion.grmn import GRMN, freeze_for_adaptation
from emotag.motion.settings import MotionSettings
from emotag.motion.windows import predict_sequence
from emotag.splats.posed import pose_splats
from emotag.splats.rasterize import rasterize
from emotag.timing import Stopwatch
from emotag.training import pretrain as pretraining
from emotag.training.adapt import adapt
from emotag.training.loop import train
from emotag.training.losses.photometric import difference
from emotag.training.prepared import Prepared
from emotag.training.scene import Scene
from emotag.training.settings import AdaptSettings, LearningRates, LossWeights
from emotag.training.state import TrainingState, new_state

SECTIONS = (
    "data", "first half, replayed", "GRMN", "motion losses", "posing", "splat losses", "rasterizer",
    "second half, replayed", "picture losses", "geometry losses", "backward", "optimizer",
)  # fmt: skip
WEIGHTS = LossWeights(track=0.1, lips=1.0)
RATE_BATCH = 4
GOAL_FRAMES = 20_000
WARM_STEPS = 10
STATIC_FRAMES = 1000
console = Console(width=220)


def training(frames: int, batch: int, static: int, **changes: object) -> AdaptSettings:
    """Settings of adaptation as the benchmark runs it."""
    return AdaptSettings(
        **{
            "frames": frames, "static_frames": static, "batch": batch, "motion_windows": 1, "weights": WEIGHTS,
            "rates": LearningRates(motion=5e-4), "rate_batch": RATE_BATCH,
        } | changes
    )  # fmt: skip


def network(world: World, scene: Scene, frames: int) -> GRMN:
    """Pretrain a motion network on the person's motion, so that adaptation starts where it does in practice."""
    torch.manual_seed(0)
    grmn = pretraining.make_network(MotionSettings(), [scene]).to(scene.person.shape.device).train()
    if frames:
        settings = training(frames, 4, 0, motion_windows=16, rates=LearningRates(motion=2e-3), rate_batch=None)
        state = new_state(grmn, grmn.parameters(), [scene], settings)
        train(world.head, state, settings, "pretraining")
    return grmn.eval()


def timed_steps(
    world: World, start: dict[str, torch.Tensor], grmn: GRMN, batch: int, steps: int, graphs: bool
) -> tuple[float, Stopwatch]:
    """Seconds of a step as the loop runs it, and seconds by section of as many steps watched one by one."""
    device = world.scene.person.shape.device
    scene = fresh_scene(world)
    grmn.load_state_dict(start)
    run(world, scene, grmn, batch, steps, graphs)
    watch = Stopwatch(device)
    with watch.running():
        run(world, scene, grmn, batch, steps, graphs)
    whole = run(world, scene, grmn, batch, steps, graphs)
    for name in watch.seconds:
        watch.seconds[name] /= steps + WARM_STEPS
    return whole, watch


def run(world: World, scene: Scene, grmn: GRMN, batch: int, steps: int, graphs: bool = True) -> float:
    """Seconds of a step of the joint stage, without the run's first steps, in which kernels and clips are prepared."""
    device = scene.person.shape.device
    settings = training((steps + WARM_STEPS) * batch, batch, 0, cuda_graphs=graphs)
    state = new_state(grmn, freeze_for_adaptation(grmn), [scene], settings)
    marks: list[float] = []

    def mark(state: TrainingState) -> None:
        if state.frames_seen in (WARM_STEPS * batch, settings.frames):
            marks.append(now(device))

    with quiet():
        train(world.head, state, settings, "", after_step=mark)
    return (marks[1] - marks[0]) / steps


def floor(world: World, batch: int, repeats: int, *, geometry: bool) -> tuple[float, float]:
    """Seconds a batch that the rasterizer alone takes: forward; forward and backward."""
    scene, device = world.scene, world.scene.person.shape.device
    shot, splats = scene.shots[0], scene.splats
    prepared = Prepared(world.head, network_stub(world))
    rows = torch.arange(batch, device=device) % len(shot.features)
    joints = prepared.shot(scene, shot).joints[rows]
    with torch.no_grad():
        vertices = prepared.rest(scene).vertices(joints, shot.features.expression[rows], shot.features.jaw[rows])
        window, view = shot.frames.window, world.camera.view_matrix(device)
        posed = pose_splats(splats, vertices, world.head.faces, joints.turn[:, 0], None, view)
    leaves = [t.detach().clone().requires_grad_() for t in (posed.means, posed.quaternions, posed.scales)]
    opacities, sh = (t.detach().clone().requires_grad_() for t in (splats.opacities, splats.sh))
    normals = posed.normals.detach().clone().requires_grad_() if geometry and posed.normals is not None else None
    intrinsics = window.intrinsics(world.camera, device)
    forward, both = [], []
    for _ in range(repeats + 3):
        begun = now(device)
        render = rasterize(
            *leaves, opacities, sh, view, intrinsics, window.width, window.height, with_depth=geometry, features=normals
        )
        forward.append(now(device) - begun)
        seen = [t for t in (render.colour, render.alpha, render.depth, render.features) if t is not None]
        torch.autograd.backward(seen, [torch.ones_like(t) for t in seen])
        both.append(now(device) - begun)
    middle = (repeats + 3) // 2
    return sorted(forward)[middle], sorted(both)[middle]


def network_stub(world: World) -> GRMN:
    """Give a network for code that asks for one and does not run it."""
    return pretraining.make_network(MotionSettings(), [world.scene])


@torch.no_grad()
def score(world: World, scene: Scene, grmn: GRMN) -> tuple[float, float, float]:
    """PSNR of the head's window (dB), SSIM there, and LMD (pixels) on the unseen clip."""
    shot, features = world.test, world.test.features
    motion = predict_sequence(grmn, features.audio, features.upper_face, scene.person.identity)
    prepared = Prepared(world.head, grmn)
    rest, joints = prepared.rest(scene), prepared.shot(scene, shot).joints
    basis = prepared.mouth_basis(scene)
    errors, similar, lips = [], [], []
    for first in range(0, len(features), 16):
        rows = slice(first, first + 16)
        part = motion.frames(rows)
        mouth = grmn.mouth.fuse(part.mouth_base, part.mouth_residual, part.gate, basis)
        vertices = rest.vertices(
            joints[rows], scene.person.neutral_expression + part.expression, scene.person.neutral_jaw + part.jaw
        )
        true = rest.vertices(joints[rows], features.expression[rows], features.jaw[rows])
        render = render_posed(
            scene.splats, vertices, world.head.faces, joints[rows].turn[:, 0], mouth, world.camera, shot.frames.window
        )
        colour, alpha = shot.frames.select(torch.arange(len(features), device=features.valid.device)[rows])
        white = colour.new_ones(3)
        truth, image = torch.lerp(white, colour, alpha), render.over(white).clamp(0, 1)
        errors.append((image - truth).square().mean(dim=(1, 2, 3)))
        similar.append(difference(image, truth).similarity)
        points = [
            world.camera.project(world.head.landmarks68.points(mesh, world.head.faces)[:, world.mouth])[0]
            for mesh in (vertices, true)
        ]
        centred = [place - place.mean(dim=1, keepdim=True) for place in points]
        lips.append((centred[0] - centred[1]).norm(dim=-1).mean(dim=1))
    psnr = -10 * torch.log10(torch.cat(errors).clamp_min(1e-10))
    return float(psnr.mean()), float(torch.stack(similar).mean()), float(torch.cat(lips).mean())


def now(device: torch.device) -> float:
    """Seconds, when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@contextmanager
def quiet() -> Iterator[None]:
    """Hide progress bars."""
    from emotag.progress import console as shown

    before, shown.quiet = shown.quiet, True
    try:
        yield
    finally:
        shown.quiet = before


def trace(world: World, grmn: GRMN, batch: int, path: Path) -> None:
    """Write PyTorch's own profile of a few steps: kernels by time, and how many there are."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
    scene = fresh_scene(world)
    with quiet():
        run(world, scene, grmn, batch, 5)
        with profile(activities=activities) as measured:
            run(world, scene, grmn, batch, 10)
    key = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    rows = measured.key_averages()
    text = rows.table(sort_by=key, row_limit=70, max_name_column_width=70)
    text += "\n" + rows.table(sort_by="self_cpu_time_total", row_limit=40, max_name_column_width=60)
    path.write_text(text)


def main(
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cuda" if torch.cuda.is_available() else "cpu",
    batches: Annotated[str, typer.Option(help="frames a step")] = "1,4,16",
    whole: Annotated[str, typer.Option(help="batches that run to the end and are scored")] = "16",
    size: Annotated[int, typer.Option(help="side of the frames, pixels")] = 512,
    splats: Annotated[int, typer.Option(help="splats")] = 60_000,
    frames: Annotated[int, typer.Option(help="rendered frames of a whole run")] = GOAL_FRAMES,
    steps: Annotated[int, typer.Option(help="steps that are timed at each batch")] = 100,
    pretrain_frames: Annotated[int, typer.Option(help="frames that the motion network learns from before")] = 1600,
    small: Annotated[bool, typer.Option(help="small sizes, for a CPU: shows that it runs")] = False,
    trace_file: Annotated[
        Path | None, typer.Option("--trace", help="write a profile of the largest batch here")
    ] = None,
) -> None:
    """Print the tables."""
    clip = 125
    if small:
        size, splats, frames, steps, clip, pretrain_frames = 96, 800, 120, 3, 80, 8
    place = torch.device(device)
    begun = now(place)
    world = make_world(size, splats, clip, place)
    window = world.scene.shots[0].frames.window
    name = torch.cuda.get_device_name() if place.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    console.print(
        f"{name}, torch {torch.__version__}: {splats:,} splats ({len(world.scene.splats.mouth):,} in the mouth), "
        f"{size}² frames, head's window {window.width}×{window.height}; made in {now(place) - begun:.1f} s"
    )
    begun = now(place)
    with quiet():
        grmn = network(world, fresh_scene(world), pretrain_frames)
    start = {key: value.clone() for key, value in grmn.state_dict().items()}
    console.print(f"motion network pretrained on {pretrain_frames} frames in {now(place) - begun:.1f} s")

    table = Table(title="Adaptation, all losses on: milliseconds of a step", title_justify="left")
    for column in (
        "batch",
        *SECTIONS,
        "sum",
        "a step",
        "a frame",
        f"{frames:,} frames",
        "floor",
        "share",
        "floor, RGB",
    ):
        table.add_column(column, justify="right")
    for batch in (int(text) for text in batches.split(",")):
        _, both = floor(world, batch, 10, geometry=True)
        _, plain = floor(world, batch, 10, geometry=False)
        for graphs in (False, True) if place.type == "cuda" else (False,):
            step, watch = timed_steps(world, start, grmn, batch, steps, graphs)
            sections = [1e3 * watch.seconds[name] for name in SECTIONS]
            table.add_row(
                str(batch), *(f"{t:.2f}" if t else "" for t in sections), f"{sum(sections):.2f}", f"{1e3 * step:.2f}",
                f"{1e3 * step / batch:.3f}", f"{step * frames / batch:.1f} s*", f"{1e3 * both:.2f}",
                f"{both / step:.0%}", f"{1e3 * plain:.2f}",
            )  # fmt: skip
    console.print(table)
    console.print("* extrapolated from the timed steps; floor: rasterizer alone with colour, depth and normals, or RGB")
    result = Table(title=f"Whole runs of {frames:,} frames, scored on an unseen clip", title_justify="left")
    for column in ("batch", "rates ×", "seconds", "PSNR dB", "SSIM", "LMD px"):
        result.add_column(column, justify="right")
    for batch in (int(text) for text in whole.split(",") if text):
        scene = fresh_scene(world)
        grmn.load_state_dict(start)
        static = min(STATIC_FRAMES, frames // 4)
        settings = training(frames, batch, static)
        with quiet():
            before = now(place)
            state = adapt(world.head, scene, grmn, settings)
            seconds = now(place) - before
        psnr, similarity, lmd = score(world, scene, state.grmn)
        console.print(f"batch {batch}: {seconds:.1f} s, {psnr:.2f} dB, SSIM {similarity:.4f}, LMD {lmd:.3f} px")
        result.add_row(
            str(batch), f"{settings.rate_scale:.2f}", f"{seconds:.1f}", f"{psnr:.2f}", f"{similarity:.4f}", f"{lmd:.3f}"
        )
    console.print(result)
    if trace_file is not None:
        trace(world, grmn, int(batches.split(",")[-1]), trace_file)
    if place.type == "cuda":
        console.print(f"device memory at most {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    typer.run(main)
