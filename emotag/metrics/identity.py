"""Does a render show the same person as the true video?"""

import numpy as np

from emotag.metrics.readings import Portraits

FRAMES = 8
"""Frames that are compared, evenly spaced: who somebody is does not change from frame to frame."""


def chosen_frames(
    valid: np.ndarray,  # (T,) bool: frames in which the true video shows a face
    count: int = FRAMES,
) -> np.ndarray:  # (K,) int, K ≤ count
    """Choose frames evenly among the valid ones, in the middles of equal stretches."""
    rows = np.flatnonzero(valid)
    count = min(count, len(rows))
    return rows[((np.arange(count) + 0.5) * len(rows) / max(count, 1)).astype(int)]


def similarity(
    truth: Portraits,
    version: Portraits,  # the same frames
    length: int,  # T
) -> np.ndarray:  # (T,) cosines in −1…1; NaN where nothing is compared
    """Compare each chosen frame with the true video's other chosen frames: the cosine with their mean direction.

    The frame's own true picture is left out, so that the truth can be compared with itself: its value is what the same
    person in the same clip reaches. NaN when fewer than two true frames are known. Raises ValueError when the frames
    are not the same.
    """
    if not np.array_equal(truth.frames, version.frames):
        raise ValueError("portraits of different frames")
    values = np.full(length, np.nan)
    unit_truth, unit = _unit(truth.embeddings), _unit(version.embeddings)
    known = np.isfinite(unit_truth).all(axis=1)
    for row, frame in enumerate(truth.frames):
        others = known.copy()
        others[row] = False
        if others.any():
            mean = unit_truth[others].mean(axis=0)
            values[frame] = unit[row] @ (mean / np.linalg.norm(mean))
    return values


def _unit(embeddings: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.where(lengths > 0, lengths, np.nan))
