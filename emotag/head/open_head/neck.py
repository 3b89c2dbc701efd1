"""Skin of neck and shoulders: rows of vertices from the throat down to the cut."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from emotag.head.open_head.curves import half_ring
from emotag.head.open_head.drawing_neck import NECK_RINGS, NECK_STATIONS, STERNOMASTOID, STERNOMASTOID_HALF_WIDTH
from emotag.head.open_head.half import FIXED, Half
from emotag.head.open_head.ring_band import band

_BETWEEN = 2
"""Rows from one drawn ring to the next."""
_COLUMNS = 21
"""Of the half, from midline to midline."""
_SPACING = 7.0


def _names() -> tuple[str, ...]:
    drawn = [name for name, _ in NECK_RINGS]
    rows = range((len(drawn) - 1) * _BETWEEN + 1)
    return tuple(drawn[row // _BETWEEN] if row % _BETWEEN == 0 else f"neck row {row}" for row in rows)


NECK_NAMES = _names()
"""Rings from the throat downwards. They start at the front midline and run round the left side."""


def add_neck(half: Half) -> list[np.ndarray]:  # (F, 3) each
    """Add the rings of neck and shoulders; give the triangles between them."""
    at = np.linspace(0, NECK_STATIONS - 1, _COLUMNS)
    drawn = np.stack([half_ring(np.array(points, dtype=float), at) for _, points in NECK_RINGS])
    down = CubicSpline(np.arange(len(drawn)), drawn + _sternomastoid(drawn, at), axis=0)
    rings = []
    for row, name in enumerate(NECK_NAMES):
        rings.append(half.add(name, down(row / _BETWEEN), _SPACING, FIXED, charted=row == 0))
    return [band(lower, upper, False, half.points)[:, ::-1] for upper, lower in pairwise(rings)]


def _sternomastoid(
    rings: np.ndarray,  # (R, N, 3)
    at: np.ndarray,  # (N,) stations
) -> np.ndarray:  # (R, N, 3)
    """How the muscle lifts the skin of the neck, outwards in the plane of each ring."""
    place, height = np.array(STERNOMASTOID).T[:, :, None]
    bell = height * np.exp(-0.5 * ((at - place) / STERNOMASTOID_HALF_WIDTH) ** 2)
    along = np.gradient(rings, axis=1)
    outwards = np.stack((-along[..., 2], np.zeros_like(along[..., 0]), along[..., 0]), axis=-1)
    outwards /= np.linalg.norm(outwards, axis=-1, keepdims=True)
    lifted = bell[..., None] * outwards
    lifted[:, [0, -1], 0] = 0
    return lifted
