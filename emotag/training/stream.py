"""Frames of people whose footage is too long to hold: a stretch of it at a time, exchanged while training goes on.

Which stretch a person shows is a function of the seed, their name and how many of their frames were rendered: neither
the speed of decoding nor a resumed run changes what a step sees.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.training.clip import ClipFrames, Window
from emotag.training.frames import head_cover_of_key_frames, head_window, in_parallel, read_window, split
from emotag.training.scene import Scene
from emotag.training.settings import PretrainSettings
from emotag.training.state import TrainingState

AHEAD = 4
"""Stretches decoded before they are due, in all: what a decoded stretch costs in host memory is paid so many times."""

PART = 50
"""Frames that a thread decodes at once: several threads share a stretch."""


class StreamedFrames:
    """A FrameSource that holds one stretch of a clip.

    While it holds one, `select` gives frames of it; before and after training it holds none, and any frame can be had,
    decoded on the spot.
    """

    def __init__(self, video: Path, matte: Path, focal_length: float, count: int, device: torch.device) -> None:
        """Look where the head stands. Raises InputError when the matte is empty or cannot be read."""
        covered = head_cover_of_key_frames(matte)
        height, width = covered.shape
        self.window: Window = head_window(covered, matte)
        self.camera = Camera(focal_length, width, height)
        self._video, self._matte, self._count, self._device = video, matte, count, device
        self._held: ClipFrames | None = None
        self._first = 0

    def __len__(self) -> int:
        return self._count

    @property
    def resident(self) -> range:
        """The frames of the stretch."""
        return range(self._first, self._first + (len(self._held.colour) if self._held else 0))

    def select(self, index: Tensor) -> tuple[Tensor, Tensor]:  # (B, h, w, 3), (B, h, w, 1) float32 in 0…1
        """Give frames and head alpha: of the stretch while one is held, else any."""
        if self._held is not None:
            return self._held.select(index - self._first)
        numbers = index.tolist()
        colour, alpha = self.room(len(numbers))

        def read(rows: range) -> None:
            for row in rows:
                self.read(range(numbers[row], numbers[row] + 1), colour[row : row + 1], alpha[row : row + 1])

        in_parallel(read, split(len(numbers), torch.get_num_threads()))
        return self._on_device(colour, alpha).select(torch.arange(len(numbers), device=self._device))

    def room(self, count: int) -> tuple[Tensor, Tensor]:  # (n, h, w, 3), (n, h, w, 1) uint8, in host memory
        """Give memory for so many frames, such that it can be copied to the device while that computes."""
        shape, pinned = (count, self.window.height, self.window.width), self._device.type == "cuda"
        colour = torch.empty((*shape, 3), dtype=torch.uint8, pin_memory=pinned)
        return colour, torch.empty((*shape, 1), dtype=torch.uint8, pin_memory=pinned)

    def read(self, frames: range, colour: Tensor, head_alpha: Tensor) -> None:
        """Decode consecutive frames into rows of `room`; safe in any thread.

        Raises InputError when a file cannot be read or ends early.
        """
        read_window(self._video, self._matte, self.window, frames, colour.numpy(), head_alpha.numpy())

    def hold(self, first: int, colour: Tensor, head_alpha: Tensor) -> None:
        """Hold a stretch that was read, in place of the present one."""
        self.release()
        self._held, self._first = self._on_device(colour, head_alpha), first

    def release(self) -> None:
        """Hold nothing."""
        self._held, self._first = None, 0

    def _on_device(self, colour: Tensor, alpha: Tensor) -> ClipFrames:
        moved = (tensor.to(self._device, non_blocking=True) for tensor in (colour, alpha))
        return ClipFrames(self.window, self.camera, *moved)


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of one of a person's clips."""

    shot: int
    frames: range


def stretches(
    valid: Sequence[Tensor],  # per clip (T,) bool
    limit: int,
) -> list[Stretch]:
    """Cover a person's clips with stretches of `limit` frames (a shorter clip is one); the last ones may overlap.

    A stretch without a valid frame is left out.
    """
    made = []
    for shot, flags in enumerate(valid):
        count = -(-len(flags) // limit)
        spare = max(0, len(flags) - limit)
        firsts = [spare * k // max(1, count - 1) for k in range(count)]
        made += [Stretch(shot, range(first, min(first + limit, len(flags)))) for first in firsts]
    return [one for one in made if bool(valid[one.shot][one.frames.start : one.frames.stop].any())]


def stretch_at(plan: Sequence[Stretch], name: str, seed: int, turn: int) -> Stretch:
    """Give the stretch of a person's turn number `turn`: all are seen once, in an order drawn anew, then again."""
    round_, place = divmod(turn, len(plan))
    order = np.random.default_rng([seed, crc32(name.encode()), round_]).permutation(len(plan))
    return plan[int(order[place])]


@dataclass
class _Decoding:
    """A stretch on its way."""

    colour: Tensor  # (n, h, w, 3) uint8
    head_alpha: Tensor  # (n, h, w, 1) uint8
    parts: list[Future[None]]


@dataclass
class _Streamed:
    """A person whose clips are streamed."""

    scene: Scene
    plan: list[Stretch]
    phase: int  # rendered frames by which the exchanges come early, so that not all people's come at once
    turn: int = -1  # of the stretch that is held; -1: none


class Stream:
    """Keeps a stretch of every streamed person held, and decodes the next ones in the background.

    Use it as a context around `train`, with `before_step` as its hook.
    """

    def __init__(self, scenes: Sequence[Scene], settings: PretrainSettings) -> None:
        self._settings = settings
        streamed = [scene for scene in scenes if any(isinstance(shot.frames, StreamedFrames) for shot in scene.shots)]
        self._people = [
            _Streamed(
                scene,
                stretches([shot.features.valid.cpu() for shot in scene.shots], settings.resident_frames or 1),
                settings.stretch_renders * place // len(streamed),
            )
            for place, scene in enumerate(streamed)
        ]
        # Half of the threads: the other half trains.
        self._pool = ThreadPoolExecutor(max(1, torch.get_num_threads() // 2), thread_name_prefix="decode")
        self._waiting: dict[tuple[int, int], _Decoding] = {}

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._waiting.clear()
        for person in self._people:
            for shot in person.scene.shots:
                _streamed_frames(shot.frames).release()

    def before_step(self, state: TrainingState) -> None:
        """Hold the stretches that are due by now. Raises InputError when a clip cannot be read."""
        due = [k for k, person in enumerate(self._people) if person.turn != self._due(person)]
        for place, k in enumerate(due):
            for soon in due[place : place + AHEAD]:
                self._request(soon, self._due(self._people[soon]))
            self._exchange(k)
        self._look_ahead()

    def _due(self, person: _Streamed) -> int:
        return (person.scene.frames_seen + person.phase) // self._settings.stretch_renders

    def _left(self, k: int) -> int:
        """Rendered frames until a person's next exchange."""
        person = self._people[k]
        return self._settings.stretch_renders - (
            (person.scene.frames_seen + person.phase) % self._settings.stretch_renders
        )

    def _look_ahead(self) -> None:
        if len(self._waiting) >= AHEAD:
            return
        for k in sorted(range(len(self._people)), key=self._left):
            if len(self._waiting) >= AHEAD:
                break
            self._request(k, self._people[k].turn + 1)

    def _request(self, k: int, turn: int) -> None:
        if (k, turn) in self._waiting:
            return
        chosen = self._stretch(k, turn)
        source, count = _streamed_frames(self._people[k].scene.shots[chosen.shot].frames), len(chosen.frames)
        colour, alpha = source.room(count)
        parts = [
            self._pool.submit(
                source.read,
                chosen.frames[part.start : part.stop],
                colour[part.start : part.stop],
                alpha[part.start : part.stop],
            )
            for part in split(count, -(-count // PART))
        ]
        self._waiting[k, turn] = _Decoding(colour, alpha, parts)

    def _exchange(self, k: int) -> None:
        person = self._people[k]
        turn = self._due(person)
        decoding = self._waiting.pop((k, turn))
        for part in decoding.parts:
            part.result()
        chosen = self._stretch(k, turn)
        sources = [_streamed_frames(shot.frames) for shot in person.scene.shots]
        for source in sources:
            source.release()
        sources[chosen.shot].hold(chosen.frames.start, decoding.colour, decoding.head_alpha)
        person.turn = turn
        # What was decoded for a turn that was jumped over is of no use.
        self._waiting = {key: value for key, value in self._waiting.items() if key[0] != k or key[1] > turn}

    def _stretch(self, k: int, turn: int) -> Stretch:
        person = self._people[k]
        return stretch_at(person.plan, person.scene.person.name, self._settings.seed, turn)


def _streamed_frames(frames: object) -> StreamedFrames:
    """A person's clips are streamed all or none."""
    assert isinstance(frames, StreamedFrames)
    return frames
