"""Lids: they turn about the eye's centre over the ball, as wide as the fissure opens; the ball itself never moves.

Blink (AU45), wide (AU5), squint (AU7) and the lids that follow the gaze (upper lids follow downgaze nearly fully).
"""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.fields import Face, Pull, ball_radius, smoothstep, unit

_MARGIN_REACH = 1.45
"""Vertices within this many ball radii of the eye's centre may belong to a lid's margin."""
_BINS = 28
_CLEARANCE_MM = 0.35
_UPPER_FOLD, _LOWER_FOLD = 0.50, 0.55
"""Radians above (below) the margin at which skin no longer follows the lid: crease under the brow, infraorbital fold."""
_MEETING = 0.10
"""Height at which closed lids meet, as a share of the open fissure above the lower margin."""


@dataclass(frozen=True)
class LidMove:
    """How far the margins turn, in shares of the fissure's opening (up is positive)."""

    upper: float
    lower: float


MOVES: dict[str, LidMove] = {
    "eyeBlink": LidMove(_MEETING - 1, _MEETING),
    "eyeWide": LidMove(0.36, 0.02),
    "eyeSquint": LidMove(-0.06, 0.24),
    "eyeLookUp": LidMove(0.38, 0.15),
    "eyeLookDown": LidMove(-0.74, -0.22),
    "eyeLookIn": LidMove(0.02, 0.0),
    "eyeLookOut": LidMove(-0.02, 0.0),
    "cheekRaiser": LidMove(0.0, 0.20),
    "cheekSquint": LidMove(-0.04, 0.14),
}

SKIN: dict[str, tuple[Pull, ...]] = {
    "eyeBlink": (Pull("eye_outer", by=(-0.6, -0.8, 0.2), reach=(5, 5, 8)),),
    "eyeSquint": (
        Pull("lid_lower", shift=(0, -11, 0), by=(-1.8, 1.8, 0.5), reach=(12, 8, 14)),
        Pull("eye_outer", shift=(8, -10, -6), by=(-1.0, 1.2, 0.7), reach=(12, 10, 14)),
    ),
    # The cornea's bulge and the conjunctiva drag the lids along.
    "eyeLookIn": (Pull(("eye_inner", "eye_outer"), by=(-2.3, 0.0, -0.4), reach=(11, 6, 10)),),
    "eyeLookOut": (Pull(("eye_inner", "eye_outer"), by=(2.3, 0.0, -0.4), reach=(11, 6, 10)),),
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
    follows_upper: np.ndarray  # (V,) in [0, 1]
    follows_lower: np.ndarray  # (V,)


def lids_of(face: Face, side: int) -> Lids:
    """Find both margins of one eye and what follows them."""
    surface = face.surface
    centre = surface.eye_centres[0 if side > 0 else 1]
    offset = face.points - centre
    elevation = np.arctan2(offset[:, 1], offset[:, 2])
    inner, outer = (face.anchor(name, side) - centre for name in ("eye_inner", "eye_outer"))
    across = side * offset[:, 0]
    low, high = side * inner[0], side * outer[0]
    near = (surface.part == 0) & (offset[:, 2] > 0) & (across > low) & (across < high)
    near &= np.linalg.norm(offset, axis=1) < _MARGIN_REACH * surface.eye_radius
    canthi = [np.arctan2(point[1], point[2]) for point in (inner, outer)]
    margins = []
    for sign in (1, -1):
        ids = np.flatnonzero(near & (np.sign(surface.lid_side) == sign))
        margins.append(_envelope(across, elevation, ids, sign, (low, high), canthi))
    upper, lower = margins
    upper = np.maximum(upper, lower)

    beside = np.maximum(low - across, across - high) / face.mm
    lateral = 1 - smoothstep(beside, 0, 6)
    eye = face.skin & (offset[:, 2] > 0) & (np.linalg.norm(offset, axis=1) < 2.2 * surface.eye_radius)
    above = surface.lid_side > 0
    follows_upper = eye * above * lateral * (1 - smoothstep(elevation - upper, 0.0, _UPPER_FOLD))
    follows_lower = eye * ~above * lateral * (1 - smoothstep(lower - elevation, 0.0, _LOWER_FOLD))
    return Lids(side, centre, elevation, upper, lower, follows_upper, follows_lower)


def _envelope(
    across: np.ndarray,  # (V,)
    elevation: np.ndarray,  # (V,)
    ids: np.ndarray,  # candidates
    sign: int,
    span: tuple[float, float],
    canthi: list[float],  # elevation of inner and outer corner
) -> np.ndarray:  # (V,) margin at each vertex's place
    """Lowest points of the upper lid (highest of the lower) between the corners of the eye."""
    edges = np.linspace(*span, _BINS + 1)
    place, height = [span[0]], [canthi[0]]
    bins = np.digitize(across[ids], edges) - 1
    for index in range(_BINS):
        inside = ids[bins == index]
        if len(inside):
            best = inside[np.argmin(sign * elevation[inside])]
            place.append(float(across[best]))
            height.append(float(elevation[best]))
    place.append(span[1])
    height.append(canthi[1])
    return np.interp(across, place, height)


def turned(face: Face, lids: Lids, move: LidMove) -> np.ndarray:  # (V, 3) displacement
    """Turn lids over the ball, keeping every vertex's clearance from it."""
    opening = lids.upper - lids.lower
    angle = opening * (move.upper * lids.follows_upper + move.lower * lids.follows_lower)
    return kept_clear(face, lids, _rotated(face, lids, angle) - face.points)


def _rotated(face: Face, lids: Lids, angle: np.ndarray) -> np.ndarray:  # (V, 3)
    offset = face.points - lids.centre
    radius = np.hypot(offset[:, 1], offset[:, 2])
    moved = offset.copy()
    moved[:, 1] = radius * np.sin(lids.elevation + angle)
    moved[:, 2] = radius * np.cos(lids.elevation + angle)
    return np.where(angle[:, None] == 0, face.points, moved + lids.centre)


def kept_clear(face: Face, lids: Lids, displacement: np.ndarray) -> np.ndarray:  # (V, 3)
    """Push what moved near the eye out to the clearance that it had over the ball."""
    moved = (np.linalg.norm(displacement, axis=1) > 1e-6) & face.skin
    offset = face.points - lids.centre
    moved &= (np.linalg.norm(offset, axis=1) < 2.0 * face.surface.eye_radius) & (offset[:, 2] > 0)
    ids = np.flatnonzero(moved)
    if len(ids) == 0:
        return displacement
    before, after = offset[ids], offset[ids] + displacement[ids]
    clearance = np.linalg.norm(before, axis=1) - ball_radius(face.surface, lids.side, unit(before))
    outside = clearance > 0
    wanted = ball_radius(face.surface, lids.side, unit(after)) + np.minimum(
        np.maximum(clearance, 0), _CLEARANCE_MM * face.mm
    )
    distance = np.linalg.norm(after, axis=1)
    radial = np.where(outside & (distance < wanted), wanted, distance)
    result = displacement.copy()
    result[ids] = unit(after) * radial[:, None] - before
    return result


def lid_shape(face: Face, lids: Lids, name: str) -> np.ndarray:  # (V, 3) displacement
    """One action of one eye's lids, `name` of MOVES without its side."""
    shape = turned(face, lids, MOVES[name])
    if name in SKIN:
        shape = kept_clear(face, lids, shape + face.pulled(SKIN[name], lids.side))
    return shape
