"""Triangles between neighbouring rings."""

import numpy as np


def band(
    outer: np.ndarray,  # (N,) vertex ids
    inner: np.ndarray,  # (N,)
    closed: bool,
    points: np.ndarray,  # (V, 3)
) -> np.ndarray:  # (F, 3)
    """Triangles of the strip between two rings of the same number, each quad cut along its shorter diagonal.

    Facing: the surface's outside is to the viewer for whom the rings run clockwise and the inner one lies inside.
    """
    after_outer, after_inner = (np.roll(ring, -1) for ring in (outer, inner))
    if not closed:
        outer, inner, after_outer, after_inner = (ids[:-1] for ids in (outer, inner, after_outer, after_inner))
    one = np.linalg.norm(points[outer] - points[after_inner], axis=1)
    other = np.linalg.norm(points[inner] - points[after_outer], axis=1)
    first = np.stack((outer, after_inner, after_outer, outer, inner, after_inner), axis=1)
    second = np.stack((outer, inner, after_outer, after_outer, inner, after_inner), axis=1)
    return np.where((one <= other)[:, None], first, second).reshape(-1, 3)
