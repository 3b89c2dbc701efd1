"""A face cut out by its landmarks, as a detector would cut it."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Face Mesh's outer eye corners; right is the person's own."""

_LEAST_PX = 8.0  # a smaller box shows nothing


def cut_face(
    image: NDArray[np.uint8],  # (H, W, 3)
    points: NDArray[np.floating],  # (468, 2 or 3) pixels
    *,
    margin: float = 0.0,  # share of the box's sides, added on each
    level: bool = True,  # turn until the eyes are level
) -> NDArray[np.uint8]:  # (h, w, 3) pixels of the image's own scale; what lies outside repeats the edge
    """Give the box of the landmarks: from the hair line to the chin, from ear to ear, as face detectors see it.

    Raises ValueError when the points are not finite or lie on a spot.
    """
    flat = np.asarray(points[:, :2], np.float64)
    if not np.isfinite(flat).all():
        raise ValueError("the landmarks are not finite")
    across = flat[LEFT_EYE_OUTER] - flat[RIGHT_EYE_OUTER]
    roll = math.atan2(across[1], across[0]) if level else 0.0
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    turned = flat @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    grown = margin * (high - low)
    low, sides = low - grown, high - low + 2 * grown
    if sides.min() < _LEAST_PX:
        raise ValueError(f"the face is less than {_LEAST_PX:g} pixels wide")
    width, height = np.round(sides).astype(int).tolist()
    # Our first pixel's centre is 0.5, OpenCV's 0: move by half a pixel on both sides.
    shift = turn @ (0.5, 0.5) - low - 0.5
    matrix = np.column_stack((turn, shift))
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
