"""A clip's frames without their head, resident on the device: what batches of renders are laid over."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emotag.splats.rasterize import Render
from emotag.synthesis.blend import blend
from emotag.synthesis.compose import Underlay, underlay
from emotag.synthesis.cracks import fill_cracks
from emotag.synthesis.seam import Seam, meet_torso
from emotag.synthesis.settings import CompositionSettings


@dataclass(frozen=True)
class Underlays:
    """The underlays of T frames as uint8: a MiB a frame at 512²."""

    image: Tensor  # (T, H, W, 3) uint8 RGB, without the true head
    fade: Tensor  # (T, H, W) uint8 0-255: how much of the rendered head shows
    seam: Seam  # where they meet the torso
    settings: CompositionSettings = field(default_factory=CompositionSettings)

    def __len__(self) -> int:
        return len(self.image)

    @staticmethod
    def make(
        frames: np.ndarray,  # (T, H, W, 3) uint8 RGB
        head_alpha: np.ndarray,  # (T, H, W) uint8
        person_alpha: np.ndarray,  # (T, H, W) uint8
        plate: np.ndarray,  # (H, W, 3) uint8
        settings: CompositionSettings | None = None,
        threads: int | None = None,  # None: as many as there are cores
    ) -> "Underlays":
        """Take the head out of every frame of a clip, several frames at a time, on the CPU."""

        def one(index: int) -> Underlay:
            return underlay(frames[index], head_alpha[index], person_alpha[index], plate, settings)

        chosen = settings or CompositionSettings()
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:  # OpenCV and NumPy let go of the interpreter
            return Underlays.stack(pool.map(one, range(len(frames))), chosen)

    @staticmethod
    def stack(items: Iterable[Underlay], settings: CompositionSettings | None = None) -> "Underlays":
        """Gather single underlays."""
        images, fades, seams = zip(
            *((item.image, (item.fade * 255 + 0.5).astype(np.uint8), item.seam) for item in items)
        )
        image, fade = torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(fades))
        return Underlays(image, fade, Seam.stack(seams), settings or CompositionSettings())

    def to(self, device: torch.device | str) -> "Underlays":
        """Give them on `device`."""
        return Underlays(self.image.to(device), self.fade.to(device), self.seam.to(device), self.settings)

    def under(
        self,
        render: Render,  # B whole-frame renders on the same device
        frames: Tensor,  # (B,) int64: the frame that each is laid over
    ) -> Tensor:  # (B, H, W, 3) uint8 RGB
        """Lay a batch of renders over their frames, without waiting for the device."""
        whole = meet_torso(fill_cracks(render, self.settings), self.seam, frames, self.settings)
        return blend(whole, self.image, self.fade, frames)
