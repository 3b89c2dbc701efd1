"""Shading cues around fixed places of the face: wrinkles, folds, teeth and lid creases that points cannot show."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.indices import EYE_SPAN

SIDE = 160
"""Pixels of the square that the face is laid in; the eye span is EYE_SPAN_PX."""

EYE_SPAN_PX = 0.42 * SIDE
_EYE_LINE = 0.38 * SIDE  # from the top
_LOCAL = 12.0  # pixels: brightness is told relative to a neighbourhood of this size, so light and skin drop out
_FLOOR = 0.02  # of the mean gradient, so that the logarithm of a flat patch is finite
_DARK = 10.0  # grey levels: dark neighbourhoods do not blow up noise


class Box(NamedTuple):
    """A patch around the mean of some points; `pairs` are read on both sides and averaged."""

    sides: tuple[tuple[int, ...], ...]
    half_width: float  # eye spans
    half_height: float


BOXES = {
    "forehead": Box(((151, 9),), 0.45, 0.10),
    "glabella": Box(((9, 8, 107, 336),), 0.13, 0.12),
    "nose_root": Box(((168, 6, 8),), 0.12, 0.10),
    "nose_side": Box(((198, 129, 49), (420, 358, 279)), 0.08, 0.10),
    "nasolabial": Box(((205, 206, 129), (425, 426, 358)), 0.12, 0.14),
    "crow": Box(((33, 226, 130), (263, 446, 359)), 0.10, 0.10),
    "bag": Box(((145, 230, 119), (374, 450, 348)), 0.15, 0.08),
    "eye": Box(((159, 145), (386, 374)), 0.16, 0.08),
    "brow": Box(((105, 52, 66), (334, 282, 296)), 0.20, 0.10),
    "corner": Box(((61, 186, 57), (291, 410, 287)), 0.10, 0.10),
    "mouth": Box(((13, 14),), 0.20, 0.12),
    "lips": Box(((0, 17),), 0.35, 0.20),
    "chin_fold": Box(((18, 200),), 0.20, 0.06),
    "chin": Box(((199, 200, 175),), 0.18, 0.10),
}

KINDS = ("across", "along", "bright", "slope")
"""Log mean |∂/∂x| (upright lines), log mean |∂/∂y| (level lines), relative brightness, mean ∂/∂y (shading slope)."""

NAMES = tuple(f"{box}_{kind}" for box in BOXES for kind in KINDS)


def lay(
    image: NDArray[np.uint8],  # (H, W, 3) RGB
    points: NDArray[np.floating],  # (468, 3) pixels of `image`
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:  # (SIDE, SIDE, 3), (468, 2) pixels of the square
    """Turn and scale the image so that the outer eye corners are level and EYE_SPAN_PX apart."""
    right, left = points[EYE_SPAN[0], :2].astype(np.float64), points[EYE_SPAN[1], :2].astype(np.float64)
    span = float(np.linalg.norm(left - right))
    cosine, sine = (left - right) / span * (EYE_SPAN_PX / span)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shift = np.array([SIDE / 2, _EYE_LINE]) - turn @ ((left + right) / 2)
    # OpenCV counts from pixel centres: move by half a pixel on both sides.
    centred = shift + turn @ (0.5, 0.5) - 0.5
    how = cv2.INTER_AREA if span > EYE_SPAN_PX else cv2.INTER_LINEAR
    square = cv2.warpAffine(image, np.c_[turn, centred], (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8), points[:, :2] @ turn.T + shift


def shading(
    image: NDArray[np.uint8],  # (H, W, 3) RGB
    points: NDArray[np.floating],  # (468, 3) pixels of `image`
) -> NDArray[np.float64]:  # (len(NAMES),)
    """Give the shading cues of one face."""
    square, places = lay(image, points)
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = grey / (cv2.GaussianBlur(grey, (0, 0), _LOCAL) + _DARK)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    cues = []
    for box in BOXES.values():
        sides = []
        for ids in box.sides:
            patch = _patch(places[list(ids)].mean(axis=0), box)
            across, along = np.abs(dx[patch]).mean(), np.abs(dy[patch]).mean()
            sides.append((np.log(across + _FLOOR), np.log(along + _FLOOR), grey[patch].mean(), dy[patch].mean()))
        cues.append(np.mean(sides, axis=0))
    return np.concatenate(cues)


def _patch(centre: NDArray[np.float64], box: Box) -> tuple[slice, slice]:
    """Give the rows and columns of a box, kept inside the square and never empty."""
    half = np.array([box.half_width, box.half_height]) * EYE_SPAN_PX
    low = np.clip(centre - half, 0, SIDE - 2).astype(int)
    high = np.maximum(np.clip(centre + half, 0, SIDE - 1).astype(int) + 1, low + 1)
    return slice(low[1], high[1]), slice(low[0], high[0])
