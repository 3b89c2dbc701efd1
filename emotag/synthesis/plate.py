"""The background behind a person: what the camera sees where nobody stands, filled in where somebody always does."""

from collections.abc import Iterable

import cv2
import numpy as np

from emotag.errors import InputError
from emotag.synthesis.settings import PlateSettings

_COARSEST = 8  # pixels: the pyramid of the smooth fill ends here
_COARSE_SWEEPS = 64  # relaxation sweeps at the coarsest level, enough to settle 8² pixels
_SWEEPS = 24  # sweeps at each finer level, which starts from the coarser one's solution


def background_plate(
    frames: Iterable[np.ndarray],  # T of (H, W, 3) uint8 RGB
    person_alpha: Iterable[np.ndarray],  # T of (H, W), float 0-1 or uint8
    settings: PlateSettings | None = None,
) -> np.ndarray:  # (H, W, 3) uint8 RGB
    """Give the background of a clip: per pixel the median over the frames in which no person is near.

    Where a person always is, the surroundings are continued smoothly (see `fill_smoothly`). Holds `samples` frames,
    however long the clip. Raises InputError when the clip is empty or the person covers everything always.
    """
    settings = settings or PlateSettings()
    kept = _sample(zip(frames, person_alpha), settings.samples)
    if not kept:
        raise InputError("background plate: the clip holds no frames; run stages 'crop' and 'matte' again")
    images = np.stack([frame for frame, _ in kept])
    free = np.stack([_free(as_unit(alpha), settings) for _, alpha in kept])
    needed = max(1, round(settings.seen_share * len(kept)))
    known = free.sum(axis=0) >= needed
    if not known.any():
        raise InputError("background plate: the person covers every pixel of every frame; look at the matte's sheet")
    return fill_smoothly(_masked_median(images, free), known)


def fill_smoothly(
    image: np.ndarray,  # (H, W, C) uint8 or float32
    known: np.ndarray,  # (H, W) bool; at least one pixel
) -> np.ndarray:  # (H, W, C), dtype of the image
    """Fill the unknown pixels with the smoothest continuation of the known ones (a membrane: Laplace's equation).

    Solved coarse to fine, a few sweeps a level. Known pixels are kept as they are; the frame's border is free.
    """
    filled = _fill(image.astype(np.float32), known.astype(np.float32))
    if image.dtype == np.uint8:
        return np.where(known[..., None], image, np.clip(np.rint(filled), 0, 255).astype(np.uint8))
    return np.where(known[..., None], image, filled.astype(image.dtype))


def as_unit(
    alpha: np.ndarray,  # (H, W) uint8 0-255, bool, or float 0-1
) -> np.ndarray:  # (H, W) float32 0-1
    """Give a matte as float32 in 0-1."""
    return alpha.astype(np.float32) / 255 if alpha.dtype == np.uint8 else alpha.astype(np.float32, copy=False)


def _sample(pairs: Iterable[tuple[np.ndarray, np.ndarray]], most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Keep at most `most` evenly spaced items of a stream of unknown length: when full, drop every second one."""
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    stride = 1
    for index, pair in enumerate(pairs):
        if index % stride:
            continue
        if len(kept) == most:
            kept = kept[::2]
            stride *= 2
            if index % stride:
                continue
        kept.append(pair)
    return kept


def _free(alpha: np.ndarray, settings: PlateSettings) -> np.ndarray:
    """Tell where a frame shows background: off the person by the clearance."""
    away = distance_to(alpha > settings.person_threshold)
    return away > settings.clearance_share * max(alpha.shape)


def distance_to(
    mask: np.ndarray,  # (H, W) bool
) -> np.ndarray:  # (H, W) float32 pixels
    """Give each pixel's distance to the mask (0 inside, infinite when the mask is empty)."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _masked_median(
    images: np.ndarray,  # (N, H, W, 3) uint8
    free: np.ndarray,  # (N, H, W) bool
) -> np.ndarray:  # (H, W, 3) uint8, 0 where never free
    median = np.zeros(images.shape[1:], np.uint8)
    hidden = np.uint16(1 << 15)  # sorts behind every colour
    for row in range(images.shape[1]):  # row by row, so that the sorted copy stays small
        values = np.where(free[:, row, :, None], images[:, row], hidden)
        values = np.sort(values.transpose(1, 2, 0), axis=-1)
        middle = np.maximum(free[:, row].sum(axis=0) - 1, 0) // 2
        picked = np.take_along_axis(values, middle[:, None, None], axis=-1)[..., 0]
        median[row] = np.where(picked < hidden, picked, 0)
    return median


def _fill(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    height, width = weight.shape
    known = weight > 0
    if known.all():
        return image
    if min(height, width) <= _COARSEST:
        mean = image[known].mean(axis=0)
        start = np.broadcast_to(mean, image.shape).astype(np.float32)
        return _relax(start, image, known, _COARSE_SWEEPS)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    premultiplied = _resize(image * weight[..., None], half, cv2.INTER_AREA)
    coarse = premultiplied / np.maximum(coarse_weight, 1e-6)[..., None]
    solved = _fill(coarse, (coarse_weight > 0).astype(np.float32))
    start = _resize(solved, (width, height), cv2.INTER_LINEAR)
    return _relax(start, image, known, _SWEEPS)


def _relax(start: np.ndarray, image: np.ndarray, known: np.ndarray, sweeps: int) -> np.ndarray:
    """Average each unknown pixel's neighbours, `sweeps` times; known pixels hold still."""
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    fixed = np.where(known[..., None], image, 0)
    free = np.broadcast_to(~known[..., None], image.shape).astype(np.float32)
    current: np.ndarray = fixed + start * free
    for _ in range(sweeps):
        averaged = cv2.filter2D(current, -1, cross, borderType=cv2.BORDER_REPLICATE).reshape(image.shape)
        current = averaged * free + fixed
    return current


def _resize(image: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """Resize to (width, height); OpenCV drops a single channel's axis, which is put back."""
    return cv2.resize(image, size, interpolation=interpolation).reshape(size[1], size[0], -1)
