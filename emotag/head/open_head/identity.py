"""Identity of the open head: interpretable smooth modes, one unit each a standard deviation of people.

Spreads follow the anthropometry of adults, rounded: L. Farkas, *Anthropometry of the Head and Face*, 2nd ed., 1994
(face, nose, eyes, lips, ears), and the ANSUR survey (C. Gordon et al., 1989) for skull and neck. Distances between two
sides are shared out between them. All parts move with the face: eyeballs and teeth rigidly, lids with their eyeball.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.fields import Face, Millimetres, ball_radius, smoothstep, unit
from emotag.head.open_head.surface import HeadSurface, Part

Window = tuple[float, float]
"""Millimetres (from the anchor): the weight goes smoothly from 0 at the first to 1 at the second, which may be less."""


@dataclass(frozen=True)
class Move:
    """One symmetric displacement of space: a direction times windows and, with a reach, a Gaussian."""

    at: str | Sequence[str]  # fields.ANCHORS
    by: Millimetres  # of the left side
    reach: float | Millimetres | None = None  # millimetres; None: everywhere
    shift: Millimetres = (0.0, 0.0, 0.0)
    up: Window | None = None  # heights above the anchor
    ahead: Window | None = None  # depths before the anchor
    aside: Window | None = None  # |x|, from the midline
    width: float | None = None  # the lateral part grows with |x| and is full at this many millimetres


MODES: dict[str, tuple[Move, ...]] = {
    # skull
    "head_width": (Move("nasion", by=(3.0, 0, 0), width=70, up=(-40, 20)),),
    "head_depth": (Move("nasion", by=(0, 0, -6.0), ahead=(-40, -150)),),
    "skull_height": (Move("nasion", by=(0, 5.5, 0), up=(10, 110)),),
    "forehead_height": (Move("nasion", by=(0, 4.0, 2.0), reach=(60, 26, 40), shift=(0, 55, -20)),),
    "forehead_slope": (Move("nasion", by=(0, 0, -4.0), up=(15, 75), ahead=(-90, -20)),),
    "brow_ridge": (Move("brow_middle", by=(0, 0, 2.0), reach=(16, 8, 14), shift=(-8, -2, 0)),),
    # face
    "face_width": (Move("nasion", by=(3.0, 0, 0), width=65, up=(35, -10)),),
    "face_length": (Move("nasion", by=(0, -6.0, 0), up=(0, -110)),),
    "midface_projection": (Move("subnasale", by=(0, 0, 3.0), reach=(40, 34, 40)),),
    "jaw_width": (Move("subnasale", by=(4.0, 0, 0), width=60, up=(20, -30)),),
    "chin_length": (Move("seam", by=(0, -3.5, 0), up=(-8, -36)),),
    "chin_projection": (Move("chin", by=(0, 0, 4.0), reach=(26, 20, 24), shift=(0, 5, 0)),),
    "chin_width": (Move("chin", by=(3.0, 0, 0), reach=(16, 18, 22), shift=(20, 8, -6)),),
    "cheekbone_prominence": (Move(("eye_outer", "ala"), by=(1.5, 0.5, 2.0), reach=(16, 14, 20), shift=(14, 0, -6)),),
    "cheek_fullness": (Move(("corner", "jaw_angle"), by=(3.0, 0, 2.0), reach=(18, 24, 26)),),
    # nose
    "nose_length": (Move("subnasale", by=(0, -3.4, 0), reach=(20, 13, 30), shift=(0, 5, 0)),),
    "nose_width": (Move("ala", by=(1.6, 0, 0), reach=(9, 11, 14), shift=(2, 2, 0)),),
    "nose_projection": (Move("nose_tip", by=(0, 0, 2.2), reach=(12, 14, 18), shift=(0, -2, 0)),),
    "nose_bridge_height": (Move("nasion", by=(0, 0, 2.0), reach=(9, 16, 16), shift=(0, -8, 0)),),
    "nose_tip_rotation": (Move("nose_tip", by=(0, 2.0, 0.4), reach=(11, 9, 14)),),
    # eyes
    "eye_spacing": (Move("eye_inner", by=(1.2, 0, 0), reach=(26, 16, 30), shift=(13, 3, -10)),),
    "eye_depth": (Move("eye_inner", by=(0, 0, -1.8), reach=(20, 14, 30), shift=(13, 3, -10)),),
    "eye_size": (
        Move("lid_upper", by=(0, 0.7, 0), reach=(12, 6, 12)),
        Move("lid_lower", by=(0, -0.4, 0), reach=(12, 6, 12)),
        Move("eye_outer", by=(0.9, 0, 0), reach=(8, 8, 12)),
    ),
    "eye_tilt": (
        Move("eye_outer", by=(0, 1.1, 0), reach=(9, 8, 14)),
        Move("eye_inner", by=(0, -0.5, 0), reach=(7, 7, 12)),
    ),
    # mouth
    "mouth_width": (Move("corner", by=(1.8, 0, -0.4), reach=(12, 12, 16)),),
    "mouth_height": (Move("seam", by=(0, -2.0, 0), reach=(34, 13, 24)),),
    "mouth_protrusion": (Move("seam", by=(0, 0, 2.5), reach=(26, 16, 22)),),
    "upper_lip_fullness": (Move("upper_lip", by=(0, 1.3, 0.6), reach=(16, 4, 12), shift=(0, 1, 0)),),
    "lower_lip_fullness": (Move("lower_lip", by=(0, -1.4, 0.6), reach=(16, 4, 12), shift=(0, -1, 0)),),
    # ears, neck
    "ear_size": (
        Move("nasion", by=(0.6, 2.2, 0), up=(-20, 10), ahead=(-60, -85), aside=(72, 80), width=80),
        Move("nasion", by=(0.4, -1.8, 0), up=(-10, -45), ahead=(-60, -85), aside=(72, 80), width=80),
        Move("nasion", by=(0.6, 0, -1.6), up=(-60, -20), ahead=(-85, -120), aside=(72, 80), width=80),
    ),
    "ear_protrusion": (Move("nasion", by=(3.0, 0, 0), up=(-80, -40), ahead=(-70, -100), width=85, aside=(70, 85)),),
    "neck_width": (Move("chin", by=(5.0, 0, 0), up=(25, -15), width=60),),
}

IDENTITY_MODES: tuple[str, ...] = tuple(MODES)

_LID_RIGID, _LID_FREE = 1.25, 2.1
"""Eyeball radii from the eye's centre: nearer skin moves with the ball, farther skin with the face."""
_ON_LIDS = ("eye_size", "eye_tilt")
"""Modes that move the lids over a ball that stays."""
_TEETH = (Part.UPPER_TEETH, Part.LOWER_TEETH, Part.UPPER_GUMS, Part.LOWER_GUMS, Part.TONGUE)
_TEETH_BEHIND_MM = 12.0
_CLEAR_FOR = 3.0
"""Standard deviations within which lids stay outside the ball."""


def identity_modes(surface: HeadSurface) -> dict[str, np.ndarray]:  # name -> (V, 3) metres per standard deviation
    """Every mode as a displacement of the neutral head. Symmetric; eyeballs keep their radius, lips their contact."""
    face = Face(surface)
    return {name: _mode(face, name) for name in IDENTITY_MODES}


def _mode(face: Face, name: str) -> np.ndarray:  # (V, 3)
    surface = face.surface
    points = face.points
    shape = _field(face, MODES[name], points)
    for side, centre in zip((1, -1), surface.eye_centres):
        moved = np.zeros((1, 3)) if name in _ON_LIDS else _field(face, MODES[name], centre[None])
        ball = surface.part == (Part.LEFT_EYE if side > 0 else Part.RIGHT_EYE)
        if name not in _ON_LIDS:
            away = np.linalg.norm(points - centre, axis=1) / surface.eye_radius
            rigid = 1 - smoothstep(away, _LID_RIGID, _LID_FREE)
            shape += rigid[:, None] * (moved - shape)
        else:
            shape = _along_ball(face, side, shape)
        shape[ball] = moved
    behind = face.anchor("seam") - (0, 0, _TEETH_BEHIND_MM * face.mm)
    shape[np.isin(surface.part, _TEETH)] = _field(face, MODES[name], behind[None])
    return shape


def _field(
    face: Face,
    moves: tuple[Move, ...],
    points: np.ndarray,  # (N, 3) metres
) -> np.ndarray:  # (N, 3) metres
    total = np.zeros_like(points)
    for move in moves:
        paired = abs(face.anchor(move.at)[0] / face.mm + move.shift[0]) > 1.0
        for side in (1, -1) if paired else (1,):
            mirror = np.array([side, 1, 1])
            offset = (points - face.anchor(move.at, side)) / face.mm - mirror * move.shift
            weight = _weight(move, offset, np.abs(points[:, 0]) / face.mm)
            by = np.broadcast_to(mirror * np.array(move.by), points.shape).copy()
            if move.width is not None:
                by[:, 0] *= np.clip(points[:, 0] / face.mm / move.width, -1.5, 1.5)
            total += weight[:, None] * by * face.mm
    return total


def _weight(move: Move, offset: np.ndarray, aside: np.ndarray) -> np.ndarray:  # (N,)
    weight = np.ones(len(offset))
    if move.reach is not None:
        weight *= np.exp(-0.5 * ((offset / np.broadcast_to(move.reach, 3)) ** 2).sum(1))
    for window, value in ((move.up, offset[:, 1]), (move.ahead, offset[:, 2]), (move.aside, aside)):
        if window is not None:
            low, high = window
            weight *= smoothstep(value, low, high) if low < high else 1 - smoothstep(value, high, low)
    return weight


def _along_ball(face: Face, side: int, shape: np.ndarray) -> np.ndarray:  # (V, 3)
    """Let lids slide over the ball: towards it (or away, for the other sign) they may use up only their clearance."""
    surface = face.surface
    offset = face.points - surface.eye_centres[0 if side > 0 else 1]
    distance = np.linalg.norm(offset, axis=1)
    near = np.flatnonzero(face.skin & (distance < _LID_FREE * surface.eye_radius) & (offset[:, 2] > 0))
    outward = unit(offset[near])
    clearance = np.maximum(distance[near] - ball_radius(surface, side, outward), 0)
    radial = (shape[near] * outward).sum(1)
    allowed = np.clip(radial, -clearance / _CLEAR_FOR, clearance / _CLEAR_FOR)
    result = shape.copy()
    result[near] += (allowed - radial)[:, None] * outward
    return result
