"""Skin of the left eye: from the orbit over the lid fold and the lids' margins to the conjunctiva behind them."""

from itertools import pairwise

import numpy as np

from emotag.head.open_head.anatomy import EYE_CENTRE, EYE_RADIUS
from emotag.head.open_head.curves import closed
from emotag.head.open_head.drawing_eye import LID_LIFT, LID_RINGS, LID_STATIONS, ORBIT_RINGS, OUTER_CANTHUS
from emotag.head.open_head.half import FIXED, Half
from emotag.head.open_head.ring_band import band

LID_NAMES = tuple(name for name, *_ in LID_RINGS)
"""Rings on the lids from the skin inwards. They start at the inner canthus and run over the upper lid."""
EYE_NAMES = (*(name for name, _ in ORBIT_RINGS), *LID_NAMES)
_COUNT = 28
_ORBIT_SPACING, _LID_SPACING = 3.2, 2.0


def add_lids(half: Half) -> list[np.ndarray]:  # (F, 3) each
    """Add the rings of the eye; give the triangles between them."""
    at = LID_STATIONS * np.arange(_COUNT) / _COUNT
    rings = []
    for name, stations in ORBIT_RINGS:
        points = closed(np.array(stations, dtype=float), at)
        rings.append(half.add(name, points, _ORBIT_SPACING, FIXED, charted=name == EYE_NAMES[0]))
    for name, height, lift, flat in LID_RINGS:
        points = closed(_on_ball(np.array(flat), height + lift * np.array(LID_LIFT)), at, (0, OUTER_CANTHUS))
        rings.append(half.add(name, points, _LID_SPACING, FIXED, charted=False))
    return [band(outer, inner, True, half.points) for outer, inner in pairwise(rings)]


def outer_canthus(ring: np.ndarray) -> int:
    """Place of the outer canthus in a ring that starts at the inner one."""
    return len(ring) * OUTER_CANTHUS // LID_STATIONS


def _on_ball(
    flat: np.ndarray,  # (K, 2) x, y
    height: np.ndarray,  # (K,) over the eyeball
) -> np.ndarray:  # (K, 3)
    offset = flat - EYE_CENTRE[:2]
    depth = np.sqrt((EYE_RADIUS + height) ** 2 - (offset**2).sum(1))
    return np.concatenate((flat, (EYE_CENTRE[2] + depth)[:, None]), axis=1)
