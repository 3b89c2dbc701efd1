"""Proportions of a face: logarithms of 3-D distances between places that are told apart on every face."""

from itertools import combinations

import numpy as np

from emotag.perception.action_units.alignment import align
from emotag.perception.identity.protocol import Array

MIDLINE = (10, 168, 1, 2, 0, 17, 152)
"""Hairline, nasion, tip and base of the nose, edges of the lips, chin."""

PAIRS = ((33, 263), (133, 362), (70, 300), (105, 334), (129, 358), (61, 291), (50, 280), (234, 454), (172, 397))
"""Eye corners outer and inner, brow ends and peaks, nose wings, mouth corners, cheeks, ears, jaw (right, left)."""

N_GEOMETRY = (
    len(PAIRS) + len(list(combinations(MIDLINE, 2))) + len(MIDLINE) * len(PAIRS) + len(list(combinations(PAIRS, 2)))
)


def proportions(
    points: Array,  # (N, 468, 3) pixels, z as in Face Mesh
) -> Array:  # (N_GEOMETRY,)
    """Give log distances on the mean of the aligned faces, their mean taken off so that size does not count.

    Distances that mirror each other are averaged. Raises ValueError as `align` does.
    """
    face = align(points).mean(axis=0)

    def apart(a: int, b: int) -> float:
        return float(np.linalg.norm(face[a] - face[b]))

    distances = [apart(right, left) for right, left in PAIRS]
    distances += [apart(a, b) for a, b in combinations(MIDLINE, 2)]
    distances += [(apart(middle, right) + apart(middle, left)) / 2 for middle in MIDLINE for right, left in PAIRS]
    distances += [(apart(a[0], b[0]) + apart(a[1], b[1])) / 2 for a, b in combinations(PAIRS, 2)]
    logs = np.log(np.maximum(distances, 1e-6))
    return np.asarray(logs - logs.mean())
