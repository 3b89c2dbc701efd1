"""The left nostril: a rim that belongs to the nose, and a pit behind it."""

from itertools import pairwise

import numpy as np

from emotag.head.open_head.curves import closed
from emotag.head.open_head.drawing_nostril import NOSTRIL, NOSTRIL_DEPTH
from emotag.head.open_head.half import FIXED, Half
from emotag.head.open_head.ring_band import band

NOSTRIL_NAMES = ("nostril", *(f"nostril pit {depth}" for depth in range(1, len(NOSTRIL_DEPTH) + 1)))
"""Rings from the rim into the pit."""
_COUNT = 12
_SPACING = 2.0
_BOTTOM = (0.0, 1.0, -0.5)
"""From the innermost ring to the end of the pit."""


def add_nostril(half: Half) -> list[np.ndarray]:  # (F, 3) each
    """Add rim and pit; give the pit's triangles."""
    rim = closed(np.array(NOSTRIL), len(NOSTRIL) * np.arange(_COUNT) / _COUNT)
    middle = rim.mean(0)
    rings = [half.add(NOSTRIL_NAMES[0], rim, _SPACING, FIXED)]
    for name, (size, shift) in zip(NOSTRIL_NAMES[1:], NOSTRIL_DEPTH, strict=True):
        inner = middle + size * (rim - middle) + shift
        rings.append(half.add(name, inner, _SPACING, FIXED, charted=False))
    around = rings[-1]
    deepest = half.points[around].mean(0) + _BOTTOM
    end = half.add("nostril end", deepest[None], _SPACING, FIXED, charted=False)
    fan = np.stack((around, np.full_like(around, end[0]), np.roll(around, -1)), axis=1)
    return [*(band(*pair, True, half.points) for pair in pairwise(rings)), fan]
