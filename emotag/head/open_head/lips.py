"""Skin of the mouth: from the skin around the lips over the vermilion to where the lining of the mouth begins."""

from itertools import pairwise

import numpy as np

from emotag.head.open_head.curves import half_ring
from emotag.head.open_head.drawing_mouth import LIP_CORNER, LIP_RINGS
from emotag.head.open_head.half import FIXED, Half
from emotag.head.open_head.ring_band import band

LIP_NAMES = tuple(name for name, _, _ in LIP_RINGS)
"""Rings from the skin inwards. Each starts at the upper midline and runs by the left corner, a quarter round."""
_AT = np.concatenate((np.linspace(0, 3, 9), np.linspace(3, 5, 7)[1:], np.linspace(5, 8, 9)[1:]))
"""Stations at which a half ring has its vertices."""
_SPACING = 3.0


def add_lips(half: Half) -> list[np.ndarray]:  # (F, 3) each
    """Add the rings of the mouth; give the triangles between them."""
    rings = []
    for name, smooth, stations in LIP_RINGS:
        points = half_ring(np.array(stations, dtype=float), _AT, None if smooth else LIP_CORNER)
        rings.append(half.add(name, points, _SPACING, FIXED, charted=name == LIP_NAMES[0]))
    return [band(outer, inner, False, half.points) for outer, inner in pairwise(rings)]
