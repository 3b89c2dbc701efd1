"""The shape of one tooth's crown, by kind: incisor wedge, canine, premolar, molar."""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces, strip_faces

ANTERIOR = ("central", "lateral", "canine")


@dataclass(frozen=True)
class Crown:
    """Size of a crown, millimetres and degrees."""

    kind: str  # "central", "lateral", "canine", "premolar", "molar"
    width: float  # mesiodistal
    neck: float  # mesiodistal at the cervix
    depth: float  # labiolingual or buccolingual
    height: float  # from the cervix to the edge or cusp
    torque: float  # degrees: crown leans outwards
    short: float = 0.0  # the edge stays this far from the occlusal plane, towards the root


def crown_mesh(
    crown: Crown,
    origin: np.ndarray,  # (3,) metres: the middle of the edge or of the outer cusps
    axes: np.ndarray,  # (3, 3) rows: distal, outward, towards the edge
) -> Mesh:
    """Give a closed crown with a stump of root that is to be hidden in the gum."""
    rings, apex = _anterior(crown) if crown.kind in ANTERIOR else _posterior(crown)
    count, size = rings.shape[:2]
    ids = np.arange(count * size).reshape(count, size)
    closing = strip_faces(ids[-1]) if apex is None else fan_faces(ids[-1], count * size)
    faces = np.concatenate((grid_faces(ids[::-1], closed=True), strip_faces(ids[0, ::-1]), closing))
    points = rings.reshape(-1, 3)
    if apex is not None:
        points = np.concatenate((points, apex[None]))
    if np.linalg.det(axes) < 0:  # rings run counter-clockwise seen from the edge when the frame is right-handed
        faces = faces[:, ::-1].copy()
    return Mesh(origin + 1e-3 * points @ axes, faces)


def outer_bulge(crown: Crown) -> float:
    """How far the outer face at the cervix lies outside the edge's line, mm."""
    return crown.depth * (_FRONT_OUTER[1] if crown.kind in ANTERIOR else 0.5 - _CUSP_AT)


def inner_bulge(crown: Crown) -> float:
    """How far the inner face at the cervix lies inside the edge's line, mm."""
    return crown.depth * (_FRONT_INNER[1] if crown.kind in ANTERIOR else 0.5 + _CUSP_AT)


def contact_depth(crown: Crown) -> float:
    """How far the points that touch the neighbours lie inside the edge's line, mm."""
    return 0.0 if crown.kind in ANTERIOR else _CUSP_AT * crown.depth


ROOT_STUMP = 2.5
"""Millimetres of the crown's continuation into the gum."""

# Anterior teeth: five rings, root to edge, of eight points: distal side, outer three, mesial side, inner three.
_FRONT_LEVELS = np.array([0.0, 0.0, 0.48, 0.86, 1.0])
_FRONT_OUTER = np.array([0.30, 0.32, 0.27, 0.13, 0.055])
_FRONT_INNER = np.array([0.50, 0.60, 0.36, 0.14, 0.055])
"""Offsets of the faces from the edge's line, in labiolingual depths: cingulum behind, gentle curve in front."""
_CANINE_SHOULDER = 0.72
_ACROSS = np.array([1.0, 0.62, 0.0, -0.62, -1.0, -0.5, 0.0, 0.5])
_OUTER = np.array([0.0, 0.86, 1.0, 0.86, 0.0, 0.0, 0.0, 0.0])
_INNER = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.78, 1.0, 0.78])
_EDGE_DROP = {
    "central": np.array([0.9, 0.12, 0.0, 0.05, 0.45, 0.1, 0.1, 0.2]),
    "lateral": np.array([1.2, 0.25, 0.0, 0.12, 0.6, 0.2, 0.2, 0.3]),
    "canine": np.array([1.6, 0.7, 0.0, 0.5, 1.2, 0.8, 0.3, 0.9]),
}
"""Millimetres by which the edge's points stay behind its middle: the distal corner is the rounder one."""


def _anterior(crown: Crown) -> tuple[np.ndarray, None]:
    levels = _FRONT_LEVELS.copy()
    neck, width = crown.neck, crown.width
    widths = np.array([0.85 * neck, (2 * neck + width) / 3, 0.98 * width, width, 0.91 * width]) / 2
    if crown.kind == "canine":
        levels[3] = _CANINE_SHOULDER
        levels[2] = 0.40
        widths[4] = 0.33 * crown.width
    rings = np.empty((len(levels), len(_ACROSS), 3))
    rings[..., 0] = widths[:, None] * _ACROSS
    rings[..., 1] = crown.depth * (np.outer(_FRONT_OUTER, _OUTER) - np.outer(_FRONT_INNER, _INNER))
    side = (_FRONT_OUTER - _FRONT_INNER) * 0.35 * crown.depth  # the sides lie between both faces
    rings[:, [0, 4], 1] = side[:, None]
    rings[..., 2] = ((levels - 1) * crown.height)[:, None]
    rings[0, :, 2] -= ROOT_STUMP
    rings[4, :, 2] -= _EDGE_DROP[crown.kind] * crown.width / 8.0
    return rings, None


# Posterior teeth: four rings of twelve points and the middle of the table.
_BACK_LEVELS = np.array([0.0, 0.45, 0.80])
_BACK_SCALES = np.array([0.88, 1.0, 0.93, 0.60])
_CUSP_AT = 0.31
"""Distance of the cusps from the tooth's axis, in buccolingual depths."""
_CUSP_HEIGHT = 0.24
_GROOVE = 0.80
_PIT = 0.74
"""Heights in crown heights: of cusps above the grooves between them, of the grooves, of the central pit."""
_INNER_CUSP_SHORT = 0.05
_SQUARENESS = {"premolar": 2.4, "molar": 3.6}


def _posterior(crown: Crown) -> tuple[np.ndarray, np.ndarray]:
    turn = 2 * np.pi * (np.arange(12) + (0.5 if crown.kind == "molar" else 0.0)) / 12
    power = 2.0 / _SQUARENESS[crown.kind]
    across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    outward = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
    across, outward = across / across.max(), outward / outward.max()
    half_width = np.array([crown.neck, crown.width, crown.width, crown.width]) / 2 * _BACK_SCALES
    rings = np.empty((4, 12, 3))
    rings[..., 0] = half_width[:, None] * across
    rings[..., 1] = crown.depth * (_BACK_SCALES[:, None] / 2 * outward - _CUSP_AT)
    rings[:3, :, 2] = (_BACK_LEVELS[:, None] - 1) * crown.height
    rings[0, :, 2] -= ROOT_STUMP
    crest = np.abs(np.sin(2 * turn)) if crown.kind == "molar" else np.abs(np.sin(turn)) ** 2
    crest = crest * (_CUSP_HEIGHT - _INNER_CUSP_SHORT * (np.sin(turn) < 0))
    highest = _CUSP_HEIGHT * np.abs(crest / _CUSP_HEIGHT).max()
    rings[3, :, 2] = (crest - highest) * crown.height
    apex = np.array([0.0, -_CUSP_AT * crown.depth, (_PIT - _GROOVE - highest) * crown.height])
    return rings, apex
