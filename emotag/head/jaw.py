"""A hinge for the jaw from one blend shape: axis, angle, skinning weights, and what the hinge leaves over."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags


@dataclass(frozen=True)
class Hinge:
    """A rotation about an axis parallel to x, through (0, y, z)."""

    point: np.ndarray  # (3,) metres, x = 0
    angle: float  # radians about +x; positive opens
    residual: float  # metres, largest distance of the fitted points

    def rotation(self) -> np.ndarray:  # (3, 3)
        """Rotation matrix of the full opening."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])


def fit_hinge(
    rest: np.ndarray,  # (N, 3) points of one rigid body (the lower teeth)
    opened: np.ndarray,  # (N, 3) the same points with the jaw open
) -> Hinge:
    """Least-squares planar rigid motion in the (y, z) plane, and its fixed point: the hinge axis.

    The closed form of Procrustes in two dimensions; the fixed point of p -> R p + t is (I − R)⁻¹ t.
    """
    a, b = rest[:, 1:], opened[:, 1:]
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    angle = float(np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum()))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    point = np.linalg.solve(np.eye(2) - turn, mean_b - turn @ mean_a)
    hinge = Hinge(np.array([0.0, *point]), angle, 0.0)
    moved = (rest - hinge.point) @ hinge.rotation().T + hinge.point
    return Hinge(hinge.point, angle, float(np.linalg.norm(moved - opened, axis=1).max()))


def hinge_weights(
    rest: np.ndarray,  # (V, 3)
    displacement: np.ndarray,  # (V, 3) at full opening
    hinge: Hinge,
    graph: csr_matrix,  # (V, V) edge graph
    rigid: np.ndarray,  # (V,) NaN where free, else the weight that a rigid part must have
    smoothing: int,
) -> np.ndarray:  # (V,) in [0, 1]
    """How much each vertex follows the hinge: its displacement projected on that of the full rotation, smoothed.

    Near the axis the full rotation hardly moves a point, so the ratio there is noise: the projection is damped by a
    fraction of the axis distance of the fastest points. Smoothing keeps the linear blend free of creases; what it
    takes away goes to the pose corrective.
    """
    full = (rest - hinge.point) @ (hinge.rotation() - np.eye(3)).T
    square = (full**2).sum(1)
    damping = 1e-3 * square.max()
    weights = np.clip((displacement * full).sum(1) / (square + damping), 0.0, 1.0)
    free = np.isnan(rigid)
    weights[~free] = rigid[~free]
    adjacency = (graph > 0).astype(np.float64)
    degree = np.asarray(adjacency.sum(1)).ravel()
    average = diags(1 / np.maximum(degree, 1)) @ adjacency
    for _ in range(smoothing):
        weights = np.where(free & (degree > 0), 0.5 * weights + 0.5 * (average @ weights), weights)
    return weights
