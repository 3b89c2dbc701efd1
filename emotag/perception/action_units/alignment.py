"""Face points without the head's motion: every frame laid on the person's own mean face, in units of the eye span."""

import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.indices import EYE_SPAN, FOREHEAD, NOSE_BASE, STABLE

Array = NDArray[np.float64]

_ROUNDS = 3  # of generalised Procrustes analysis; the mean moves by less than 1e-6 after the second
_MIN_SPAN_PX = 4.0


def similarity(
    source: Array,  # (T, S, 3)
    target: Array,  # (S, 3)
) -> tuple[Array, Array, Array]:  # rotations (T, 3, 3), scales (T,), translations (T, 3)
    """Give the least squares similarities with `scale · R · source + t ≈ target` (Umeyama, PAMI 1991)."""
    source_mean, target_mean = source.mean(axis=1, keepdims=True), target.mean(axis=0)
    centred = source - source_mean
    covariance = np.einsum("si,tsj->tij", target - target_mean, centred)
    u, values, vt = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(u @ vt))
    values[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    rotation = u @ vt
    scale = values.sum(axis=1) / np.square(centred).sum(axis=(1, 2))
    translation = target_mean - scale[:, None] * np.einsum("tij,tj->ti", rotation, source_mean[:, 0])
    return rotation, scale, translation


def align(
    points: NDArray[np.floating],  # (T, 468, 3) pixels: x right, y down, z away from the camera (Face Mesh)
) -> Array:  # (T, 468, 3) eye spans: x to the person's left, y up, z out of the face, origin between the eyes
    """Remove rotation, scale and translation by the points that no expression moves.

    The target is the clip's own mean face (generalised Procrustes analysis), turned to look straight ahead: its eyes
    level, its midline vertical. Since the points are 3-D, yaw and pitch do not foreshorten what is measured.
    Raises ValueError when a row is not finite or shows no face.
    """
    faces = np.asarray(points, np.float64) * (1.0, -1.0, -1.0)
    if faces.ndim != 3 or faces.shape[1:] != (468, 3) or not len(faces) or not np.isfinite(faces).all():
        raise ValueError(f"points must be finite (T, 468, 3) with T > 0, got {faces.shape}")
    if np.linalg.norm(faces[:, EYE_SPAN[0]] - faces[:, EYE_SPAN[1]], axis=1).min() < _MIN_SPAN_PX:
        raise ValueError(f"the eyes of a face are less than {_MIN_SPAN_PX} px apart")
    mean = faces[len(faces) // 2]
    for _ in range(_ROUNDS):
        rotation, scale, translation = similarity(faces[:, STABLE], upright(mean)[STABLE])
        laid = np.einsum("tij,tpj->tpi", rotation, faces) * scale[:, None, None] + translation[:, None]
        mean = laid.mean(axis=0)
    return laid


def upright(
    face: Array,  # (468, 3) y up, z out of the face, any pose and scale
) -> Array:
    """Turn one face to look straight ahead, eye span 1, origin between the outer eye corners."""
    right, left = face[EYE_SPAN[0]], face[EYE_SPAN[1]]
    span = float(np.linalg.norm(left - right))
    x = (left - right) / span
    up = face[list(FOREHEAD)].mean(axis=0) - face[NOSE_BASE]
    y = up - (up @ x) * x
    y /= np.linalg.norm(y)
    axes = np.stack((x, y, np.cross(x, y)))
    return np.asarray((face - (left + right) / 2) @ axes.T / span)
