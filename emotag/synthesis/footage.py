"""The frames an avatar is pasted over: a clip with its head taken out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emotag.splats.rasterize import Render
from emotag.synthesis.compose import CompositionSettings, Underlay, compose, underlay
from emotag.synthesis.plate import PlateSettings, background_plate
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

    def underlay(self, frame: int, settings: CompositionSettings | None = None) -> Underlay:
        """Give a frame with its head taken out: its own torso and background, the plate where the head was."""
        return underlay(self.frames[frame], self.head_alpha[frame], self.person_alpha[frame], self.plate, settings)


def whole_frame(footage: Footage) -> Window:
    """Give the window of the whole frame."""
    height, width = footage.frames.shape[1:3]
    return Window(0, 0, width, height)


def paste(
    renders: Iterable[Render],  # batches of whole-frame renders, in order
    underlays: Sequence[Underlay] | Iterable[Underlay],  # one a frame, in order
) -> Iterator[np.ndarray]:  # (H, W, 3) uint8 RGB
    """Lay rendered heads over the frames from which the true head was taken."""
    below = iter(underlays)
    for render in renders:
        batch = [next(below) for _ in range(len(render.alpha))]
        under = torch.from_numpy(np.stack([one.image for one in batch])).to(render.alpha.device)
        fade = torch.from_numpy(np.stack([one.fade for one in batch])).to(render.alpha.device)
        frames = compose(render.colour, render.alpha.squeeze(-1), under, fade)
        yield from frames.cpu().numpy()
