"""The face crops that SyncNet sees: a square around the tracked face that reaches below the chin."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from scipy.ndimage import median_filter

from emotag.metrics.syncnet import SIDE

SCALE = 0.4
"""How far the square reaches past the face's box, in half sides of it: this far to each side, twice as far below."""

SMOOTHING = 13
"""Frames of the median filter over the squares' path."""

PADDING = 110
"""Grey beyond the frame's edge."""

_JAW, _BROWS, _CHIN = slice(0, 17), slice(17, 27), 8  # of the 68-point scheme


def face_squares(
    points68: np.ndarray,  # (T, 68, 2) pixels; rows that failed may hold anything
    valid: np.ndarray,  # (T,) bool
    forehead: float,  # height of the forehead over that from brows to chin
) -> np.ndarray:  # (T, 3) centre x, centre y, half side of the face's square, pixels
    """Put a square on each frame's face, as a face detector would box it (cheek to cheek, forehead to chin).

    Failed frames are filled in linearly and the path is smoothed by a median, as SyncNet's own pipeline does; only at
    the clip's ends, where that pipeline's filter takes zeros in, the first and last rows are repeated here. Raises
    ValueError when no frame is valid.
    """
    if not valid.any():
        raise ValueError("no frame has landmarks")
    known = points68[valid].astype(np.float64)
    left, right = known[:, _JAW, 0].min(axis=1), known[:, _JAW, 0].max(axis=1)
    bottom, brows = known[:, _JAW, 1].max(axis=1), known[:, _BROWS, 1].min(axis=1)
    top = brows - forehead * (bottom - brows)
    half = np.maximum(right - left, bottom - top) / 2
    squares = np.column_stack(((left + right) / 2, (top + bottom) / 2, half))
    frames = np.arange(len(valid))
    filled = np.column_stack([np.interp(frames, frames[valid], column) for column in squares.T])
    return median_filter(filled, size=(SMOOTHING, 1), mode="nearest")


def crop_faces(
    frames: Iterable[np.ndarray],  # (H, W, 3) uint8 RGB
    squares: np.ndarray,  # (T, 3) from face_squares
) -> Iterator[np.ndarray]:  # (224, 224, 3) uint8 BGR
    """Cut and resize the faces."""
    for frame, (x, y, half) in zip(frames, squares):
        margin = int(half * (1 + 2 * SCALE))
        padded = np.pad(frame, ((margin, margin), (margin, margin), (0, 0)), constant_values=PADDING)
        x, y = x + margin, y + margin
        rows = slice(int(y - half), int(y + half * (1 + 2 * SCALE)))
        columns = slice(int(x - half * (1 + SCALE)), int(x + half * (1 + SCALE)))
        yield cv2.resize(padded[rows, columns], (SIDE, SIDE))[..., ::-1]
