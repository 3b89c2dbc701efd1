"""Speed of inference on this machine: from features to composed frames, many at a time and one alone.

    python -m benchmarks.render [--device cuda] [--batch 16] [--seconds 10] [--small]

An avatar made of the open head and noise (benchmarks/synthetic.py) speaks over a clip whose frames, without their
head, are resident on the device. *batched* is the whole sequence: the motion network over all of it, then posing,
rasterizer and composition a batch at a time; *to host* adds the copy of the finished bytes. *one frame* is what a live
avatar does for every new frame: the network over one window, and one frame rendered and composed. Sections wait for
the device around each part, so they add up to more than the whole.
"""

import time
from statistics import median
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.synthetic import World, make_world
from emotag.motion.settings import MotionSettings
from emotag.motion.store import MotionNote
from emotag.synthesis.drive import Cues, render_sequence, speak
from emotag.synthesis.live import Live
from emotag.synthesis.plate import background_plate
from emotag.synthesis.store import Avatar
from emotag.synthesis.underlays import Underlays
from emotag.timing import Stopwatch, section
from emotag.training.clip import ClipFeatures, Window
from emotag.training.pretrain import make_network

SECTIONS = ("GRMN", "posing", "rasterizer", "composition")
LIVE_SECTIONS = ("GRMN and posing", "rasterizer", "composition")
LIVE_WARM = 3  # frames before those that are timed: the first is captured as a graph
TORSO_FROM = 0.8  # of the frame's height: below stands the torso
UNDERLAID = 48  # frames that are kept without their head; the sequence goes over them again and again
console = Console(width=140)


def whole_frames(world: World, count: int) -> Underlays:
    """Put the clip's heads into frames with a room and a torso, and take them out again as composition does."""
    shot = world.scene.shots[0]
    window, side = shot.frames.window, world.camera.height
    colour, alpha = shot.frames.colour[:count].cpu(), shot.frames.head_alpha[:count].cpu()  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(0)
    room = torch.nn.functional.interpolate(torch.rand(1, 3, 9, 9, generator=generator), size=side, mode="bilinear")[0]
    frames = (255 * room.permute(1, 2, 0)).byte().repeat(len(colour), 1, 1, 1)
    head = torch.zeros(len(colour), side, side, dtype=torch.uint8)
    rows = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
    person = head.clone()
    torso = round(TORSO_FROM * side)
    person[:, torso:, side // 5 : -(side // 5)] = 255
    frames[:, torso:, side // 5 : -(side // 5)] //= 2
    head[:, *rows] = alpha.squeeze(-1)
    head[:, torso:] = 0
    person = torch.maximum(person, head)
    share = head[:, *rows, None].float() / 255
    frames[:, *rows] = (colour * share + frames[:, *rows] * (1 - share)).byte()
    plate = background_plate(frames.numpy(), person.numpy())
    return Underlays.make(frames.numpy(), head.numpy(), person.numpy(), plate)


def repeated(features: ClipFeatures, frames: int) -> tuple[Tensor, Cues]:
    """Give audio and cues of any length."""
    index = torch.arange(frames, device=features.valid.device) % len(features)
    return features.audio[index], Cues(features.pose[index], features.upper_face[index])


def now(device: torch.device) -> float:
    """Seconds, when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Player:
    """The whole of inference, as a stage runs it."""

    def __init__(self, world: World, avatar: Avatar, under: Underlays, batch: int) -> None:
        self.world, self.avatar, self.under, self.batch = world, avatar, under, batch
        self.window = Window(0, 0, world.camera.width, world.camera.height)
        self.device = world.scene.person.shape.device
        self.host = torch.empty(
            2, batch, world.camera.height, world.camera.width, 3, dtype=torch.uint8,
            pin_memory=self.device.type == "cuda",
        )  # fmt: skip

    def play(self, audio: Tensor, cues: Cues, *, to_host: bool) -> None:
        """Speak, render and compose a sequence."""
        with section("GRMN"):
            motion = speak(self.avatar, audio, cues)
        place = torch.arange(len(audio), device=self.device) % len(self.under)
        renders = render_sequence(
            self.world.head, self.avatar, motion, cues.pose, self.world.camera, self.window, self.batch
        )
        for number, render in enumerate(renders):
            first = number * self.batch
            with section("composition"):
                composed = self.under.under(render, place[first : first + self.batch])
            if to_host:
                self.host[number % 2, : len(composed)].copy_(composed, non_blocking=True)

    def live(self, repeats: int, audio: Tensor, cues: Cues) -> list[float]:
        """Seconds that each new frame takes, when nothing of it could be done before."""
        length = self.avatar.grmn.settings.window
        live = Live(self.world.head, self.avatar, self.world.camera, self.window)
        place = torch.zeros(1, dtype=torch.int64, device=self.device)
        taken = []
        for frame in range(repeats + LIVE_WARM):
            rows = slice(frame % (len(audio) - length), frame % (len(audio) - length) + length)
            begun = now(self.device)
            render = live.render(audio[rows], Cues(cues.pose[rows], cues.upper_face[rows]))
            with section("composition"):
                self.under.under(render, place)
            taken.append(now(self.device) - begun)
        return taken[LIVE_WARM:]


def main(
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cuda" if torch.cuda.is_available() else "cpu",
    batch: Annotated[int, typer.Option(help="frames rendered at a time")] = 16,
    size: Annotated[int, typer.Option(help="side of the frames, pixels")] = 512,
    splats: Annotated[int, typer.Option(help="splats")] = 60_000,
    seconds: Annotated[float, typer.Option(help="length of the sequence")] = 10.0,
    repeats: Annotated[int, typer.Option(help="runs; the median is shown")] = 9,
    small: Annotated[bool, typer.Option(help="small sizes, for a CPU: shows that it runs")] = False,
) -> None:
    """Print the tables."""
    if small:
        size, splats, seconds, repeats, batch = 96, 800, 3.0, 2, 4
    place = torch.device(device)
    world = make_world(size, splats, 125 if not small else 70, place)
    torch.manual_seed(0)
    grmn = make_network(MotionSettings(), [world.scene]).to(place).eval()
    avatar = Avatar(world.scene.person, world.scene.splats, grmn, MotionNote(), "synthetic", size, {})
    audio, cues = repeated(world.scene.shots[0].features, round(25 * seconds))
    player = Player(world, avatar, whole_frames(world, min(UNDERLAID, 125)).to(place), batch)
    name = torch.cuda.get_device_name() if place.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    console.print(f"{name}, torch {torch.__version__}: {splats:,} splats, {size}² frames, {len(audio)} frames")

    def seconds_of(to_host: bool) -> float:
        times = []
        for _ in range(repeats + 2):
            begun = now(place)
            player.play(audio, cues, to_host=to_host)
            times.append(now(place) - begun)
        return median(times[2:])

    on_device, on_host = seconds_of(False), seconds_of(True)
    watch = Stopwatch(place)
    with watch.running():
        player.play(audio, cues, to_host=False)
    batched = Table(title=f"Batched, {batch} at a time: milliseconds a frame", title_justify="left")
    for column in (*SECTIONS, "whole", "frames/s", "to host", "frames/s", f"GRMN of {seconds:.0f} s, ms"):
        batched.add_column(column, justify="right")
    parts = [1e3 * watch.seconds[part] / len(audio) for part in SECTIONS]
    batched.add_row(
        *(f"{part:.3f}" for part in parts), f"{1e3 * on_device / len(audio):.3f}", f"{len(audio) / on_device:.0f}",
        f"{1e3 * on_host / len(audio):.3f}", f"{len(audio) / on_host:.0f}", f"{1e3 * watch.seconds['GRMN']:.2f}",
    )  # fmt: skip
    console.print(batched)

    taken = player.live(100 if not small else 4, audio, cues)
    watch = Stopwatch(place)
    with watch.running():
        counted = len(player.live(50 if not small else 2, audio, cues)) + LIVE_WARM
    alone = Table(title="One frame: milliseconds", title_justify="left")
    for column in (*LIVE_SECTIONS, "whole, median", "worst"):
        alone.add_column(column, justify="right")
    parts = [1e3 * watch.seconds[part] / counted for part in LIVE_SECTIONS]
    alone.add_row(*(f"{part:.2f}" for part in parts), f"{1e3 * median(taken):.2f}", f"{1e3 * max(taken):.2f}")
    console.print(alone)


if __name__ == "__main__":
    typer.run(main)
