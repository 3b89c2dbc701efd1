"""mouthClose: closes the lips over an open jaw, as ARKit defines it."""

import numpy as np

from emotag.head.open_head.fields import Face, smoothstep
from emotag.head.open_head.jaw_motion import FULL_OPENING, jaw_corrective, jaw_weights, opened

_REACH_MM = 42.0
"""Skin this far from the slit no longer follows the lips."""
_FULL_MM = 8.0


def mouth_close(face: Face) -> np.ndarray:  # (V, 3) metres, in the rest pose
    """Displacement that brings the lips of the fully open jaw back to where they meet at rest.

    It acts before skinning, so it is turned back by each vertex's blended rotation: with the jaw at the full opening
    and this shape at 1 the lips are exactly as closed as in the neutral head.
    """
    surface = face.surface
    weights = jaw_weights(surface)
    posed = opened(surface, face.points + jaw_corrective(surface), weights, FULL_OPENING)
    cosine, sine = np.cos(FULL_OPENING), np.sin(FULL_OPENING)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    blended = weights[:, None, None] * turn + (1 - weights)[:, None, None] * np.eye(3)
    back = np.linalg.solve(blended, (face.points - posed)[..., None])[..., 0]
    return back * _lips(face)[:, None]


def _lips(face: Face) -> np.ndarray:  # (V,) in [0, 1]
    inner = face.surface.landmarks[60:68]
    corner = np.abs(inner[[0, 4], 0]).mean()
    seam = face.anchor("seam")
    beside = np.clip(np.abs(face.points[:, 0]) - corner, 0, None)
    below = face.points[:, 1] - seam[1]
    behind = np.clip(seam[2] - face.points[:, 2] - 20 * face.mm, 0, None)
    away = np.sqrt((1.2 * beside) ** 2 + below**2 + behind**2) / face.mm
    return np.where(face.soft, 1 - smoothstep(away, _FULL_MM, _REACH_MM), 0)
