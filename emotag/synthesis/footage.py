"""The frames an avatar is pasted over: a clip with its head taken out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emotag.splats.rasterize import Render
from emotag.synthesis.compose import CompositionSettings, Underlay, underlay
from emotag.synthesis.plate import PlateSettings, background_plate
from emotag.synthesis.underlays import Underlays
from emotag.training.clip import Window


@dataclass(frozen=True)
class Footage:
    """A short clip's frames and mattes, with the background plate made from them."""

    frames: np.ndarray  # (T, H, W, 3) uint8 RGB
    person_alpha: np.ndarray  # (T, H, W) uint8
    head_alpha: np.ndarray  # (T, H, W) uint8
    plate: np.ndarray  # (H, W, 3) uint8

    @staticmethod
    def make(frames: np.ndarray, matte: np.ndarray, settings: PlateSettings | None = None) -> "Footage":
        """Make footage from a clip's frames and its matte video (R person, G head). Raises ValueError on lengths."""
        if len(frames) != len(matte):
            raise ValueError(f"{len(frames)} frames, {len(matte)} mattes")
        plate = background_plate(frames, matte[..., 0], settings)
        return Footage(frames, matte[..., 0], matte[..., 1], plate)

    def underlays(self, settings: CompositionSettings | None = None) -> Underlays:
        """Take the head out of all frames (see `underlay`), on the CPU; `Underlays.to` puts them on a device."""
        return Underlays.make(self.frames, self.head_alpha, self.person_alpha, self.plate, settings)

    def underlay(self, frame: int, settings: CompositionSettings | None = None) -> Underlay:
        """Give a frame with its head taken out: its own torso and background, the plate where the head was."""
        return underlay(self.frames[frame], self.head_alpha[frame], self.person_alpha[frame], self.plate, settings)


def whole_frame(footage: Footage) -> Window:
    """Give the window of the whole frame."""
    height, width = footage.frames.shape[1:3]
    return Window(0, 0, width, height)


def paste(
    renders: Iterable[Render],  # batches of whole-frame renders, in order
    underlays: Underlays | Iterable[Underlay],  # of the clip, or one a render in order
    frames: Tensor | None = None,  # (T,) which of the clip's underlays each render goes over; None: in order
) -> Iterator[np.ndarray]:  # (H, W, 3) uint8 RGB
    """Lay rendered heads over the frames from which the true head was taken, a batch at a time."""
    if isinstance(underlays, Underlays):
        start = 0
        for render in renders:
            stop = start + len(render.alpha)
            index = torch.arange(start, stop) if frames is None else frames[start:stop]
            yield from underlays.under(render, index.to(render.alpha.device)).cpu().numpy()
            start = stop
        return
    below = iter(underlays)
    for render in renders:
        batch = Underlays.stack(next(below) for _ in range(len(render.alpha))).to(render.alpha.device)
        yield from batch.under(render, torch.arange(len(batch), device=render.alpha.device)).cpu().numpy()
