"""Joints as affine combinations of vertices, so that they move with the identity."""

import numpy as np


def affine_weights(
    points: np.ndarray,  # (N, 3)
    target: np.ndarray,  # (3,)
) -> np.ndarray:  # (N,)
    """Weights nearest to equal ones that sum to 1 and combine the points to the target exactly."""
    equal = np.full(len(points), 1 / len(points))
    system = np.concatenate((points.T, np.ones((1, len(points)))))
    wanted = np.array([*target, 1.0])
    return equal + np.linalg.pinv(system) @ (wanted - system @ equal)
