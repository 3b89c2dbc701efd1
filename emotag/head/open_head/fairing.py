"""The smoothest surface through given points: bi-Laplacian fairing with hard and soft constraints.

O. Sorkine and D. Cohen-Or, *Least-squares meshes*, SMI 2004; cotangent weights as in M. Botsch and L. Kobbelt,
*An intuitive framework for real-time freeform modeling*, SIGGRAPH 2004.
"""

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import factorized

_LEAST_COTANGENT = 0.05


def laplacian(
    points: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
) -> tuple[csr_matrix, np.ndarray]:  # (V, V) positive semi-definite, (V,) areas
    """Cotangent stiffness, its weights kept positive, and the mixed area of each vertex."""
    rows, columns, values = [], [], []
    area = np.zeros(len(points))
    for corner in range(3):
        here, one, other = (faces[:, (corner + k) % 3] for k in range(3))
        a, b = points[one] - points[here], points[other] - points[here]
        double = np.maximum(np.linalg.norm(np.cross(a, b), axis=1), 1e-9)
        weight = np.maximum((a * b).sum(1) / double, _LEAST_COTANGENT) / 2
        rows += [one, other]
        columns += [other, one]
        values += [weight, weight]
        np.add.at(area, here, double / 6)
    size = (len(points), len(points))
    off = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=size).tocsr()
    return (diags(np.asarray(off.sum(1))[:, 0]) - off).tocsr(), area


def fair(
    points: np.ndarray,  # (V, 3) first guess
    faces: np.ndarray,  # (F, 3)
    fixed: np.ndarray,  # (V,) bool
    pull: np.ndarray,  # (V,) weight by which a vertex is drawn to its place in `points`, 0 for none
    rounds: int = 3,
) -> np.ndarray:  # (V, 3)
    """Minimise the thin-plate energy plus Σ pull · |x − points|²; weights are measured anew each round."""
    result = points.copy()
    free = ~fixed
    for _ in range(rounds):
        stiffness, area = laplacian(result, faces)
        energy = (stiffness @ diags(1 / area) @ stiffness + diags(pull)).tocsr()
        right = pull[free, None] * points[free] - energy[free][:, fixed] @ points[fixed]
        solve = factorized(energy[free][:, free].tocsc())
        result[free] = np.stack([solve(np.ascontiguousarray(right[:, axis])) for axis in range(3)], axis=1)
    return result
