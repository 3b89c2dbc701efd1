"""Pictures at one scale, and their values and slopes between pixels."""

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor

_BLUR = 0.8  # pixels of the level: slopes then hold for about as far as a step goes


def picture_level(
    images: Iterable[np.ndarray],  # T, each (H, W, 3) uint8 RGB
    side: int,  # pixels of the longer side; smaller pictures stay as they are
) -> Tensor:  # (T, h, w, 3) uint8
    """Reduce pictures to a scale and blur them a little."""
    reduced = []
    for image in images:
        share = min(1.0, side / max(image.shape[:2]))
        if share < 1:
            size = round(image.shape[1] * share), round(image.shape[0] * share)
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        reduced.append(cv2.GaussianBlur(image, (0, 0), _BLUR))
    return torch.from_numpy(np.stack(reduced))


def sample(
    level: Tensor,  # (T, h, w, 3) uint8
    pixels: Tensor,  # (T, K, 2) of the whole picture
    width: int,  # of the whole picture, pixels
    slopes: bool = True,
) -> tuple[Tensor, Tensor | None]:  # (T, K, 3) in [0, 1]; (T, K, 3, 2) per pixel of the whole picture
    """Interpolate bilinearly; the slope is the interpolation's own. Points outside take the border's colour."""
    frames, height, across, _ = level.shape
    scale = across / width
    place = pixels * scale - 0.5
    limit = place.new_tensor([across - 1.001, height - 1.001])
    place = torch.minimum(place.clamp_min(0), limit)
    corner = place.floor()
    fraction = place - corner
    index = (corner[..., 1] * across + corner[..., 0]).long()
    flat = level.reshape(frames, -1, 3)
    row = torch.arange(frames, device=level.device)[:, None]
    top_left, top_right, low_left, low_right = (
        flat[row, index + step].to(pixels) / 255 for step in (0, 1, across, across + 1)
    )
    x, y = fraction[..., :1], fraction[..., 1:]
    top, low = torch.lerp(top_left, top_right, x), torch.lerp(low_left, low_right, x)
    if not slopes:
        return torch.lerp(top, low, y), None
    across_slope = torch.lerp(top_right - top_left, low_right - low_left, y)
    return torch.lerp(top, low, y), torch.stack((across_slope, low - top), dim=-1) * scale
