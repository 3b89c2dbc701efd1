"""Lids: they turn about the eye's centre over the ball, as wide as the fissure opens; the ball itself never moves.

Blink (AU45), wide (AU5), squint (AU7) and the lids that follow the gaze (upper lids follow downgaze nearly fully).
"""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.fields import Face, Pull, kept_clear, smoothstep, unit

_MARGIN_REACH = 1.45
"""Vertices within this many ball radii of the eye's centre may belong to a lid's margin."""
_STEEPEST = (0.8, 3.5)
"""Radians of elevation per radian along the fissure, seen as half an ellipse: how fast a margin may rise in its middle
and at its corners. What lies farther above another candidate is no margin."""
_MARGIN_TOLERANCE = 0.01
"""Radians."""
_BESIDE_MM = 6.0
"""How far beyond the corners of the eye skin still follows the lids."""
_THICKNESS_MM = (4.0, 9.0)
"""Skin up to the first height over the ball is lid; from the second on it belongs to the orbit's rim."""
_MEETING = 0.12
"""Height at which closed lids meet, as a share of the open fissure above the lower margin."""


@dataclass(frozen=True)
class LidMove:
    """How far the margins turn, in shares of the fissure's opening (up is positive)."""

    upper: float
    lower: float
    fold: float = 0.38  # radians from the margin at which skin no longer follows


MOVES: dict[str, LidMove] = {
    "eyeBlink": LidMove(_MEETING - 1, _MEETING),
    "eyeWide": LidMove(0.32, 0.01, fold=0.45),
    "eyeSquint": LidMove(0.0, 0.10),
    "eyeLookUp": LidMove(0.33, 0.14, fold=0.45),
    "eyeLookDown": LidMove(-0.70, -0.20, fold=0.45),
    "eyeLookIn": LidMove(0.02, 0.0),
    "eyeLookOut": LidMove(-0.02, 0.0),
    "cheekRaiser": LidMove(0.0, 0.18),
    "cheekSquint": LidMove(-0.05, 0.14),
}

SKIN: dict[str, tuple[Pull, ...]] = {
    # The lower lid slides towards the nose, the upper's outer part is drawn in.
    "eyeBlink": (
        Pull("eye_outer", by=(-0.5, -0.8, 0.0), reach=(5, 6, 8)),
        Pull("lid_lower", shift=(-5, -1, 0), by=(-3.2, 0.2, 0.0), reach=(8, 3, 6)),
    ),
    "eyeSquint": (
        Pull("lid_lower", shift=(-3, -8, 0), by=(-2.0, 1.9, 0.3), reach=(9, 6, 10)),
        Pull("eye_outer", shift=(8, -12, -6), by=(-0.6, 0.8, 0.5), reach=(11, 9, 12)),
        Pull("eye_outer", shift=(0, 8, 0), by=(0.0, -1.2, 0.2), reach=(9, 5, 9)),
    ),
    # The cornea's bulge and the conjunctiva drag the lids along.
    "eyeLookIn": (
        Pull(("eye_inner", "eye_outer"), shift=(0, 4, 0), by=(-2.6, 0.0, 0.0), reach=(8, 6, 8)),
        Pull("eye_outer", shift=(-1, 1, 0), by=(-0.2, 0.0, 2.6), reach=(5, 8, 7)),
        Pull("eye_inner", shift=(3, 3, 0), by=(0.6, 0.3, -1.5), reach=(5, 7, 7)),
    ),
    "eyeLookOut": (
        Pull(("eye_inner", "eye_outer"), shift=(0, 4, 0), by=(2.8, 0.0, 0.0), reach=(8, 6, 8)),
        Pull("eye_outer", shift=(-1, 1, 0), by=(-0.8, 0.5, -2.9), reach=(5, 8, 7)),
        Pull("eye_inner", shift=(3, 3, 0), by=(-0.6, -0.1, 1.0), reach=(5, 7, 7)),
    ),
    "eyeLookDown": (Pull("eye_outer", by=(-0.4, -1.6, -0.3), reach=(7, 6, 10)),),
    "eyeLookUp": (Pull("eye_outer", by=(0.0, 0.8, 0.0), reach=(7, 6, 10)),),
    "eyeWide": (Pull("eye_outer", by=(0.2, 0.6, -0.1), reach=(6, 6, 10)),),
}


@dataclass(frozen=True)
class Lids:
    """One eye's lids in angles about the axis through its centre parallel to x."""

    side: int
    centre: np.ndarray  # (3,)
    elevation: np.ndarray  # (V,) radians, 0 straight ahead, up positive
    upper: np.ndarray  # (V,) elevation of the upper margin at each vertex's x
    lower: np.ndarray  # (V,)
    above: np.ndarray  # (V,) bool, belongs to the upper lid
    reach: np.ndarray  # (V,) in [0, 1], 0 away from this eye


def lids_of(face: Face, side: int) -> Lids:
    """Find both margins of one eye and what follows them."""
    surface = face.surface
    centre = surface.eye_centres[0 if side > 0 else 1]
    offset = face.points - centre
    elevation = np.arctan2(offset[:, 1], offset[:, 2])
    distance = np.linalg.norm(offset, axis=1) / surface.eye_radius
    corners = np.stack([face.anchor(name, side) - centre for name in ("eye_inner", "eye_outer")])
    # Directions, not places: the edges of a lid lie at several distances from the centre.
    across = side * surface.eye_radius * unit(offset)[:, 0]
    low, high = side * surface.eye_radius * unit(corners)[:, 0]
    near = face.skin & (offset[:, 2] > 0) & (across > low) & (across < high) & (distance < _MARGIN_REACH)
    along = np.arcsin(np.clip((2 * across - low - high) / (high - low), -1, 1))
    ends = np.stack(([-np.pi / 2, np.pi / 2], np.arctan2(corners[:, 1], corners[:, 2])), axis=1)
    points = np.stack((along, elevation), axis=1)
    upper, lower = (
        sign * _envelope(along, np.concatenate((ends, points[near & (sign * surface.lid_side > 0)])) * (1, sign))
        for sign in (1, -1)
    )
    beside = np.maximum(low - across, across - high) / face.mm
    over = (distance - 1) * surface.eye_radius / face.mm
    reach = (
        (1 - smoothstep(beside, 0, _BESIDE_MM))
        * (1 - smoothstep(over, *_THICKNESS_MM))
        * (face.skin & (offset[:, 2] > 0))
    )
    return Lids(side, centre, elevation, np.maximum(upper, lower), lower, surface.lid_side > 0, reach)


def _envelope(
    along: np.ndarray,  # (V,) radians along the fissure
    candidates: np.ndarray,  # (N, 2) place along and elevation
) -> np.ndarray:  # (V,) radians
    """The line through the lowest candidates: those from which no other lies steeply below."""
    place, height = candidates[np.argsort(candidates[:, 0], kind="stable")].T
    slope = _STEEPEST[0] + (_STEEPEST[1] - _STEEPEST[0]) * (2 * place / np.pi) ** 2
    below = height + slope[:, None] * np.abs(place[:, None] - place)  # [i, j]: the highest that i may be over j
    lowest = height <= below.min(1) + _MARGIN_TOLERANCE
    return np.interp(along, place[lowest], height[lowest])


def turned(face: Face, lids: Lids, move: LidMove) -> np.ndarray:  # (V, 3) displacement
    """Turn lids over the ball, keeping every vertex's clearance from it."""
    beyond = np.where(lids.above, lids.elevation - lids.upper, lids.lower - lids.elevation)
    follows = lids.reach * (1 - smoothstep(beyond, 0.0, move.fold))
    angle = (lids.upper - lids.lower) * follows * np.where(lids.above, move.upper, move.lower)
    return kept_clear(face, lids.side, _rotated(face, lids, angle) - face.points)


def _rotated(face: Face, lids: Lids, angle: np.ndarray) -> np.ndarray:  # (V, 3)
    offset = face.points - lids.centre
    radius = np.hypot(offset[:, 1], offset[:, 2])
    radius = radius * (2 - np.cos(angle / 2))  # a blend shape moves along the chord: half of its sag is made up for
    moved = offset.copy()
    moved[:, 1] = radius * np.sin(lids.elevation + angle)
    moved[:, 2] = radius * np.cos(lids.elevation + angle)
    return np.where(angle[:, None] == 0, face.points, moved + lids.centre)


def lid_shape(face: Face, lids: Lids, name: str) -> np.ndarray:  # (V, 3) displacement
    """One action of one eye's lids, `name` of MOVES without its side."""
    shape = turned(face, lids, MOVES[name])
    if name in SKIN:
        shape = kept_clear(face, lids.side, shape + face.pulled(SKIN[name], lids.side))
    return shape
