"""Which frames a step looks at, and drawing them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.training.scene import Scene, Shot
from emotag.training.transfer import on_host, send


@dataclass(frozen=True)
class Sample:
    """The frames of a step, and the window of features they stand in."""

    shot: Shot
    length: int  # frames in the window
    place: Tensor  # (L,) the window's frames of the clip
    inside: Tensor  # (B,) frames to render, relative to the window's first
    index: Tensor  # (B,) the same, frames of the clip
    start: int | None  # the window's first frame; None where only the device knows it

    @staticmethod
    def of(
        shot: Shot,
        start: int,
        length: int,
        inside: Tensor,  # (B,) on the host
    ) -> "Sample":
        """Make a sample of numbers on the host, which travel to the clip's device in one piece."""
        numbers = torch.cat((torch.arange(start, start + length), inside, inside + start))
        place, inside, index = send(numbers, shot.features.valid.device).split([length, len(inside), len(inside)])
        return Sample(shot, length, place, inside, index, start)

    @property
    def rows(self) -> slice | Tensor:
        """The window's frames of the clip, to index tensors with."""
        return self.place if self.start is None else slice(self.start, self.start + self.length)

    @property
    def first(self) -> slice | Tensor:
        """The window's first frame, to index tensors with: one row is left."""
        return self.place[:1] if self.start is None else slice(self.start, self.start + 1)


def draw(scene: Scene, window: int, batch: int, generator: torch.Generator) -> Sample:
    """Draw a clip (longer ones more often), a window of its features, and `batch` valid frames in the window.

    Frames to render are drawn from those that the clip holds at the moment, and the window around them; a `batch` of 0
    asks for a window alone, which may stand anywhere in the clip.
    """
    held = [shot.frames.resident if batch else range(len(shot.features)) for shot in scene.shots]
    lengths = torch.tensor([float(len(rows)) for rows in held])
    chosen = int(torch.multinomial(lengths, 1, generator=generator))
    shot, rows = scene.shots[chosen], held[chosen]
    frames = len(shot.features)
    length = min(window, frames)
    valid = torch.zeros(frames, dtype=torch.bool)
    valid[rows.start : rows.stop] = on_host(shot.features.valid)[rows.start : rows.stop]
    # A window around a frame that is known to be valid always holds one.
    anchors = valid.nonzero().squeeze(-1)
    anchor = int(anchors[int(torch.randint(len(anchors), (), generator=generator))])
    low, high = sorted((rows.start, rows.stop - length))  # inside the held frames, or around them when they are fewer
    first, last = max(0, anchor - length + 1, low), min(anchor, frames - length, high)
    start = int(torch.randint(first, last + 1, (), generator=generator))
    usable = valid[start : start + length].nonzero().squeeze(-1)
    order = torch.randperm(len(usable), generator=generator)[:batch]
    return Sample.of(shot, start, length, usable[order])


def gather(samples: list[Sample], name: str) -> Tensor:  # (W, L, …)
    """Give one feature in the windows of several samples."""
    return stacked([getattr(sample.shot.features, name)[sample.rows] for sample in samples])


def stacked(tensors: list[Tensor]) -> Tensor:
    """Stack along a new first axis; a single tensor is not copied."""
    return tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
