"""Colours of a face at low frequency: skin, brows, eyes, lips, beard, hair line."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.appearance import SIDE, lay
from emotag.perception.identity.protocol import Array

SMALL = 40
"""The laid face is averaged down to SMALL² before the cosine transform."""

ORDERS = 6
"""Cosines with row + column order below this are kept: 21 a channel."""

_KEPT = [(row, column) for row in range(ORDERS) for column in range(ORDERS - row)]
N_APPEARANCE = 3 * len(_KEPT)


def colours(
    points: NDArray[np.floating],  # (N, 468, 3) pixels
    images: Iterable[NDArray[np.uint8]],  # N frames (H, W, 3) RGB
) -> Array:  # (N_APPEARANCE,)
    """Give the low cosines of the mean laid face in CIE Lab; lightness is told relative to its mean and spread.

    Raises ValueError when there are not as many images as rows of points.
    """
    total, count = np.zeros((SIDE, SIDE, 3)), 0
    for image in images:
        if count < len(points):
            total += lay(image, points[count])[0]
        count += 1
    if count != len(points) or not count:
        raise ValueError(f"{count} images for {len(points)} rows of landmarks")
    mean = cv2.resize((total / count / 255).astype(np.float32), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(mean, cv2.COLOR_RGB2LAB).astype(np.float64)
    light = lab[..., 0]
    lab[..., 0] = (light - light.mean()) / max(float(light.std()), 1.0)
    cosines = _cosines()
    spectrum = np.einsum("ry,yxc,kx->rkc", cosines, lab, cosines) / SMALL
    return np.concatenate([[spectrum[row, column, channel] for row, column in _KEPT] for channel in range(3)])


def _cosines() -> Array:  # (ORDERS, SMALL)
    """Give the first rows of the orthonormal cosine transform (DCT-II)."""
    angle = np.pi / SMALL * np.arange(ORDERS)[:, None] * (np.arange(SMALL) + 0.5)
    cosines = np.sqrt(2 / SMALL) * np.cos(angle)
    cosines[0] /= np.sqrt(2)
    return cosines
