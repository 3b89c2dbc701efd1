"""The jaw: which part of the head turns about its hinge, and what skin does beyond that."""

import numpy as np

from emotag.head.open_head.fields import Face, Pull, smoothstep
from emotag.head.open_head.surface import HeadSurface, Part

FULL_OPENING = 0.44
"""Radians: a wide open mouth."""

_RIGID = {
    Part.UPPER_TEETH: 0.0, Part.UPPER_GUMS: 0.0, Part.LOWER_TEETH: 1.0, Part.LOWER_GUMS: 1.0, Part.TONGUE: 1.0,
    Part.LEFT_EYE: 0.0, Part.RIGHT_EYE: 0.0, Part.LEFT_EAR: 0.0, Part.RIGHT_EAR: 0.0,
}  # fmt: skip
_SMOOTHING = 4


def jaw_weights(surface: HeadSurface) -> np.ndarray:  # (V,) in [0, 1]
    """Share of the jaw's turn about `jaw_hinge` that each vertex takes: 1 chin and lower teeth, 0 skull."""
    return _weights(Face(surface))


def _weights(face: Face) -> np.ndarray:
    surface = face.surface
    offset = (face.points - surface.jaw_hinge) / face.mm
    around = np.arctan2(offset[:, 1], offset[:, 2])  # 0 straight ahead of the hinge, negative below
    corner = face.anchor("corner") - surface.jaw_hinge
    slit = np.arctan2(corner[1], corner[2])
    under = face.anchor("chin") - surface.jaw_hinge
    chin = np.arctan2(under[1], under[2])
    cheek = 1 - smoothstep(around, slit - 0.30, slit + 0.22)
    lips = 1 - face.upper_lip
    near_slit = face.gaussian(face.anchor(("corner",)) * (0, 1, 1), (24, 14, 18))
    weight = cheek + np.clip(1.6 * near_slit, 0, 1) * (lips - cheek)
    throat = smoothstep(around, chin - 0.75, chin - 0.10)
    ahead = smoothstep(np.hypot(offset[:, 1], offset[:, 2]), 18, 45)
    weight = weight * throat * ahead
    weight = face.smoothed(weight[:, None], _SMOOTHING, face.soft)[:, 0]
    for part, value in _RIGID.items():
        weight[surface.part == part] = value
    return np.clip(weight, 0, 1)


def opened(
    surface: HeadSurface,
    vertices: np.ndarray,  # (V, 3) metres
    weights: np.ndarray,  # (V,)
    angle: float,  # radians
) -> np.ndarray:  # (V, 3)
    """Turn vertices about the hinge by linear blend skinning."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    moved = (vertices - surface.jaw_hinge) @ turn.T + surface.jaw_hinge
    return vertices + weights[:, None] * (moved - vertices)


_STRETCH = (
    Pull("corner", by=(-3.0, 0.0, -1.0), reach=(12, 14, 16)),
    Pull(("corner", "jaw_angle"), out=-3.0, reach=(16, 20, 22)),
)
"""The open mouth narrows and the cheeks are drawn in over the teeth."""


def jaw_corrective(surface: HeadSurface) -> np.ndarray:  # (V, 3) metres
    """Offset in the rest pose, before skinning, at the full opening of 0.44 rad; scale it by sin θ / sin 0.44."""
    face = Face(surface)
    return face.pulled(_STRETCH, 1) + face.pulled(_STRETCH, -1)
