"""The half x ≥ 0 of the skin while it is being drawn."""

import numpy as np
from scipy.spatial import cKDTree

_KEEP_APART = 0.6
"""A point of a line that is nearer than this share of its spacing to another point is left out."""

FIXED = np.inf
"""Firmness of a point that fairing does not move."""


class Half:
    """Points in millimetres, each of a named group, with its wanted spacing and how firmly fairing holds it."""

    def __init__(self) -> None:
        self.points = np.zeros((0, 3))
        self.spacing = np.zeros(0)  # wanted distance to what is filled in around
        self.firmness = np.zeros(0)  # FIXED, or the weight of a soft constraint, 0 for none
        self.charted = np.zeros(0, dtype=bool)  # takes part in the triangulation on the sphere
        self.groups: dict[str, np.ndarray] = {}

    def add(
        self,
        name: str,
        points: np.ndarray,  # (N, 3)
        spacing: float | np.ndarray,
        firmness: float,
        charted: bool = True,
    ) -> np.ndarray:  # (N,) ids
        """Append points to a group."""
        ids = len(self.points) + np.arange(len(points))
        self.points = np.concatenate((self.points, points))
        self.spacing = np.concatenate((self.spacing, np.broadcast_to(spacing, len(points))))
        self.firmness = np.concatenate((self.firmness, np.full(len(points), firmness)))
        self.charted = np.concatenate((self.charted, np.full(len(points), charted)))
        self.groups[name] = np.concatenate((self.groups.get(name, ids[:0]), ids))
        return ids

    def add_line(
        self,
        name: str,
        points: np.ndarray,  # (N, 3)
        spacing: float,
        firmness: float,
    ) -> None:
        """Append what is not too near to a point that is there already, nor to the midline beside it."""
        apart = cKDTree(self.points[self.charted]).query(points)[0]
        clear = (apart > _KEEP_APART * spacing) & ((points[:, 0] == 0) | (points[:, 0] > 0.5 * spacing))
        self.add(name, points[clear], spacing, firmness)

    def ring(self, name: str) -> np.ndarray:  # (N, 3) closed
        """Give a ring's points all round: one that ends on the midline is continued by its mirror image."""
        points = self.points[self.groups[name]]
        if points[0, 0] != 0:
            return points
        return np.concatenate((points, points[1:-1][::-1] * (-1, 1, 1)))
