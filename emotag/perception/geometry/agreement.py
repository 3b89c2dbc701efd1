"""Whether estimated geometry runs the same way as the tracked head: a flipped axis is silent, and ruins adaptation."""

import numpy as np

from emotag.perception.geometry.estimator import Geometry

MIN_PIXELS = 64
"""A frame whose two masks share fewer pixels says nothing."""

AXES = ("x", "y", "z", "depth")


class Agreement:
    """Correlation over pixels of estimated normals (per axis) and depth with those of the tracked mesh."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []

    def add(self, estimated: Geometry, tracked: Geometry) -> None:
        """Compare one frame where both know something."""
        both = estimated.mask & tracked.mask
        if both.sum() < MIN_PIXELS:
            return
        ours = np.column_stack((estimated.normal[both], estimated.depth[both]))
        theirs = np.column_stack((tracked.normal[both], tracked.depth[both]))
        self._rows.append(np.array([_correlation(a, b) for a, b in zip(ours.T, theirs.T)]))

    def mean(self) -> dict[str, float]:
        """Give the mean correlation over frames per axis; without a comparable frame nothing."""
        if not self._rows:
            return {}
        values = np.nanmean(np.stack(self._rows), axis=0)
        return {axis: float(value) for axis, value in zip(AXES, values) if np.isfinite(value)}


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 1e-12 else float("nan")
