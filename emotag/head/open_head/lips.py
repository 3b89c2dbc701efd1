"""Skin of the mouth: from the skin around the lips over the vermilion to where the lining of the mouth begins."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from emotag.head.open_head.curves import half_ring
from emotag.head.open_head.drawing_mouth import LIP_CORNER, LIP_RINGS
from emotag.head.open_head.half import FIXED, Half
from emotag.head.open_head.ring_band import band

_ROUNDED = ("vermilion border", "vermilion", "wet line", "slit")
"""Drawn rings between which the lips bulge: half a step from each to the next lies another row."""


def _names() -> tuple[str, ...]:
    names: list[str] = []
    for name, _, _ in LIP_RINGS:
        if names and name in _ROUNDED[1:]:
            names.append(f"{names[-1]} to {name}")
        names.append(name)
    return tuple(names)


LIP_NAMES = _names()
"""Rings from the skin inwards. Each starts at the upper midline and runs by the left corner, a quarter round."""
_AT = np.concatenate((np.linspace(0, 3, 9), np.linspace(3, 5, 7)[1:], np.linspace(5, 8, 9)[1:]))
"""Stations at which a half ring has its vertices."""
_SPACING = 3.0


def add_lips(half: Half) -> list[np.ndarray]:  # (F, 3) each
    """Add the rings of the mouth; give the triangles between them."""
    drawn = {
        name: half_ring(np.array(stations, dtype=float), _AT, None if smooth else LIP_CORNER)
        for name, smooth, stations in LIP_RINGS
    }
    across = Akima1DInterpolator(np.arange(len(drawn)), np.stack(list(drawn.values())), axis=0, method="makima")
    rings = []
    for name in LIP_NAMES:
        place = np.mean([list(drawn).index(part) for part in name.split(" to ")])
        rings.append(half.add(name, across(place), _SPACING, FIXED, charted=name == LIP_NAMES[0]))
    return [band(outer, inner, False, half.points) for outer, inner in pairwise(rings)]
