"""Texture coordinates: the skin unrolled around the crown of the forehead, the parts in islands beside it."""

import numpy as np

from emotag.head.open_head.lids import EYE_NAMES
from emotag.head.open_head.lips import LIP_NAMES
from emotag.head.open_head.neck import NECK_NAMES
from emotag.head.open_head.skin import Skin
from emotag.head.open_head.surface import HeadSurface, Part

_SKIN_SIDE = 0.80
"""The skin's square; the parts share the column beside it."""
_RING_STEP = 0.03
"""Radius by which each ring of neck and shoulders goes on outwards (the chart's own radius ends near 1)."""
_SLIT_SHARE = 0.12
"""Size of the innermost ring of lips and lids relative to the outermost."""
_MARGIN = 0.05


def head_uvs(
    skin: Skin,
    surface: HeadSurface,
) -> np.ndarray:  # (V, 2) in [0, 1]
    """Give a place in the texture to each vertex; no vertex is doubled, so there are no seams."""
    plane = _unrolled(skin)
    largest = np.abs(plane).max()
    uvs = np.zeros((len(surface.vertices), 2))
    uvs[: len(plane)] = (plane / largest + 1) / 2 * _SKIN_SIDE
    islands = [part for part in Part if part != Part.SKIN]
    height = 1 / len(islands)
    for row, part in enumerate(islands):
        ids = np.flatnonzero(surface.part == part)
        if len(ids):
            uvs[ids] = _island(surface.vertices[ids], part, _SKIN_SIDE, row * height, 1 - _SKIN_SIDE, height)
    return uvs


def _unrolled(skin: Skin) -> np.ndarray:  # (V, 2)
    """Azimuthal equidistant projection of the spherical chart from the pole opposite to the neck."""
    pole = skin.rays[skin.rings["throat"]].mean(0)
    pole /= np.linalg.norm(pole)
    side = np.array([1.0, 0.0, 0.0])
    forward = np.cross(side, -pole)
    angle = np.arccos(np.clip(skin.rays @ -pole, -1, 1)) / np.pi
    turn = np.arctan2(skin.rays @ side, -(skin.rays @ forward))
    plane = angle[:, None] * np.stack((np.sin(turn), np.cos(turn)), axis=1)
    for names in _nests():
        outer = plane[skin.rings[names[0]]]
        middle = _middle_line(outer, names[0])
        for depth, name in enumerate(names[1:], 1):
            share = 1 - (1 - _SLIT_SHARE) * depth / (len(names) - 1)
            plane[skin.rings[name]] = middle + share * (outer - middle)
    start = plane[skin.rings[NECK_NAMES[0]]]
    radius = np.linalg.norm(start, axis=1, keepdims=True)
    for depth, name in enumerate(NECK_NAMES[1:], 1):
        plane[skin.rings[name]] = start * (1 + depth * _RING_STEP / radius)
    pits = np.flatnonzero(np.isnan(plane).any(1))
    plane[pits] = _nostrils(skin, plane, pits)
    return plane


def _nests() -> list[list[str]]:
    return [list(LIP_NAMES), *([f"{eye}/{name}" for name in EYE_NAMES] for eye in ("left", "right"))]


def _middle_line(ring: np.ndarray, name: str) -> np.ndarray:  # (N, 2)
    """For each point of a ring the point halfway to the one facing it across the opening."""
    count = len(ring)
    place = np.arange(count)
    facing = (count // 2 - place) % count if name == LIP_NAMES[0] else (-place) % count
    return (ring + ring[facing]) / 2


def _nostrils(skin: Skin, plane: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Points inside a nostril shrink towards the middle of its rim."""
    result = np.zeros((len(ids), 2))
    for side, sign in (("left", 1), ("right", -1)):
        rim = skin.rings[f"{side}/nostril"]
        middle, flat = plane[rim].mean(0), skin.points[rim].mean(0)
        scale = np.abs(plane[rim] - middle).mean() / np.abs(skin.points[rim] - flat).mean()
        here = skin.points[ids, 0] * sign > 0
        offset = skin.points[ids[here]] - flat
        result[here] = middle + 0.4 * scale * offset[:, [0, 2]] * (1, -1)
    return result


def _island(points: np.ndarray, part: Part, left: float, bottom: float, width: float, height: float) -> np.ndarray:
    """A part seen from its most telling side, fitted into its cell."""
    axes = {Part.LEFT_EAR: (2, 1), Part.RIGHT_EAR: (2, 1), Part.TONGUE: (0, 2)}.get(part, (0, 1))
    flat = points[:, axes]
    low, high = flat.min(0), flat.max(0)
    place = (flat - low) / (high - low)
    return np.array([left, bottom]) + np.array([width, height]) * (_MARGIN + (1 - 2 * _MARGIN) * place)
