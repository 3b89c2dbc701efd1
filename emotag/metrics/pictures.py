"""Picture metrics of a clip, a frame at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Protocol

import numpy as np

from emotag.errors import InputError
from emotag.metrics.image import mean_similarity, psnr, ssim_map

COLUMNS = ("psnr", "ssim", "psnr_head", "ssim_head")
"""What every frame is compared by: the whole frame, then weighted by the true head's matte."""

LOSSLESS = "_lossless"
"""What the names of the same columns end in when the render was not encoded."""


class Perceptual(Protocol):
    """Compares pictures as people do (emotag.metrics.lpips)."""

    def distances(
        self,
        truth: np.ndarray,  # (H, W, 3) uint8 RGB
        renders: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB
    ) -> list[float]:
        """Give the distance of each render from the true frame."""
        ...


class PictureScores:
    """Collects the values of one version's frames, in order."""

    def __init__(self, clip: str) -> None:
        self._clip = clip
        self._rows: list[tuple[float, ...]] = []

    def add(
        self,
        truth: np.ndarray,  # (H, W, 3) uint8 RGB
        mask: np.ndarray,  # (H, W) the true head's matte, any scale >= 0
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> None:
        """Compare the next frame. Raises InputError when the sizes differ."""
        if image.shape != truth.shape or mask.shape != truth.shape[:2]:
            raise InputError(
                f"clip '{self._clip}', frame {len(self._rows)}: truth is {truth.shape}, render {image.shape}, head "
                f"mask {mask.shape}; render and matte must have the size of the crop"
            )
        similarity = ssim_map(truth, image)
        self._rows.append(
            (
                psnr(truth, image),
                mean_similarity(similarity),
                psnr(truth, image, mask),
                mean_similarity(similarity, mask),
            )
        )

    def columns(self, suffix: str = "") -> dict[str, np.ndarray]:  # (T,) each
        """Give the values by column name."""
        return {name + suffix: column for name, column in zip(COLUMNS, np.array(self._rows).T)}


def compare_pictures(
    clip: str,
    truth_frames: Iterable[np.ndarray],  # T of (H, W, 3) uint8 RGB
    head_masks: Iterable[np.ndarray],  # T of (H, W)
    versions: Sequence[Iterable[np.ndarray]],  # each T of (H, W, 3) uint8 RGB
    perceptual: Perceptual | None = None,
) -> list[dict[str, np.ndarray]]:  # a version: columns (T,)
    """Compare versions with the truth, holding one frame of each. Raises InputError when lengths or sizes differ."""
    scores = [PictureScores(clip) for _ in versions]
    apart: list[list[float]] = []
    count = 0
    for truth, mask, *others in _in_step(clip, truth_frames, head_masks, *versions):
        for score, image in zip(scores, others):
            score.add(truth, mask, image)
        if perceptual is not None:
            apart.append(perceptual.distances(truth, others))
        count += 1
    if not count:
        raise InputError(f"clip '{clip}': holds no frames; run stages 'crop' and 'evaluate' again")
    found = [score.columns() for score in scores]
    if perceptual is not None:
        for columns, distances in zip(found, np.array(apart, np.float64).T):
            columns["lpips"] = distances
    return found


def _in_step(clip: str, *streams: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    """Walk the streams together; one that ends early is bad input, not a shorter clip."""
    for index, items in enumerate(zip_longest(*streams)):
        if any(item is None for item in items):
            ended = ("truth", "head masks", "render", "frozen render")[[item is None for item in items].index(True)]
            raise InputError(
                f"clip '{clip}': {ended} ends at frame {index} while other videos go on; run its stage again"
            )
        yield items
