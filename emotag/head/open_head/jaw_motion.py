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
_CHIN, _UPPER_LIP = 0.92, 0.08
"""Skin slides a little over the chin's bone, and the upper lip is drawn down a little."""
_SLIDING = 0.5
"""Share of the jaw's turn by which skin over the side of the mandible stays behind."""
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
    top = slit + 0.20 + 0.40 * smoothstep(np.abs(offset[:, 0]), 8, 28)  # cheeks give way higher up than the nose does
    cheek = 1 - smoothstep((around - slit + 0.45) / (top - slit + 0.45), 0, 1)
    aside = 1 - _SLIDING * smoothstep(np.abs(offset[:, 0]), 14, 50)
    near_slit = np.clip(1.6 * face.near(face.anchor("seam"), (18, 9, 16)), 0, 1)
    lips = _UPPER_LIP + (_CHIN - _UPPER_LIP) * (1 - face.upper_lip)
    weight = _CHIN * cheek * aside
    weight += near_slit * (lips - weight)
    throat = smoothstep(around, chin - 0.65, chin - 0.10)
    ahead = smoothstep(np.hypot(offset[:, 1], offset[:, 2]), 15, 60)
    weight = face.smoothed((weight * throat * ahead)[:, None], _SMOOTHING, face.soft)[:, 0]
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
    # The open mouth is narrower, and the cheeks are drawn in over the teeth.
    Pull("corner", by=(-1.8, 0.0, -1.0), reach=(10, 10, 13)),
    Pull("corner", shift=(16, 0, -8), by=(-2.0, 1.0, -1.8), reach=(12, 14, 16)),
    # The floor of the mouth gives way downwards and forwards instead of turning into the throat.
    Pull("chin", shift=(0, -14, -44), by=(0.0, -16.0, 9.0), reach=(15, 12, 20)),
    Pull("chin", shift=(30, -8, -66), by=(7.0, -5.0, 0.0), reach=(13, 18, 22)),
)


def jaw_corrective(surface: HeadSurface) -> np.ndarray:  # (V, 3) metres
    """Offset in the rest pose, before skinning, at the full opening of 0.44 rad; scale it by sin θ / sin 0.44."""
    return Face(surface).symmetric(_STRETCH)
