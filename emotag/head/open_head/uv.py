"""Texture coordinates: the skin unrolled around the crown of the forehead, the parts in islands beside it."""

import numpy as np

from emotag.head.open_head.lids import EYE_NAMES
from emotag.head.open_head.lips import LIP_NAMES
from emotag.head.open_head.neck import NECK_NAMES
from emotag.head.open_head.nostrils import NOSTRIL_NAMES
from emotag.head.open_head.skin import Skin
from emotag.head.open_head.surface import HeadSurface, Part

_SKIN_SIDE = 0.80
"""The skin's square; the parts share the column beside it."""
_RING_STEP = 0.014
"""Radius by which each ring of neck and shoulders goes on outwards (the chart's own radius ends near 1)."""
_LID_SHARE, _LIP_SHARE, _LINING_SHARE = 0.15, 0.5, 0.05
"""Size of the innermost ring of lids, lips and lining of the mouth relative to the outermost of lids and lips."""
_MIDDLE_LENGTH = 0.8
"""Length of the line to which such rings shrink, relative to the opening, so that they stay apart at the corners."""
_FACE_ZOOM = 0.42
"""Point of the unit disc, from its middle towards the face, that becomes the middle."""
_MARGIN = 0.05


def head_uvs(
    skin: Skin,
    surface: HeadSurface,
) -> np.ndarray:  # (V, 2) in [0, 1]
    """Give a place in the texture to each vertex; no vertex is doubled, so there are no seams."""
    plane = _unrolled(skin)
    lining = np.flatnonzero(surface.part == Part.SOCKET)
    place = np.concatenate((plane, _lining(skin, plane, len(lining))))
    place = _zoomed(place / np.linalg.norm(place, axis=1).max())
    uvs = np.zeros((len(surface.vertices), 2))
    uvs[np.concatenate((np.arange(len(plane)), lining))] = (place + 1) / 2 * _SKIN_SIDE
    islands = [part for part in Part if part not in (Part.SKIN, Part.SOCKET)]
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
    for names, last in _nests():
        outer = plane[skin.rings[names[0]]]
        middle = _middle_line(outer, names[0])
        for depth, name in enumerate(names[1:], 1):
            share = 1 - (1 - last) * depth / (len(names) - 1)
            plane[skin.rings[name]] = middle + share * (outer - middle)
    start = plane[skin.rings[NECK_NAMES[0]]]
    radius = np.linalg.norm(start, axis=1, keepdims=True)
    for depth, name in enumerate(NECK_NAMES[1:], 1):
        plane[skin.rings[name]] = start * (1 + depth * _RING_STEP / radius)
    for nostril in ("left", "right"):
        rim = plane[skin.rings[f"{nostril}/{NOSTRIL_NAMES[0]}"]]
        for depth, name in enumerate(NOSTRIL_NAMES[1:], 1):
            plane[skin.rings[f"{nostril}/{name}"]] = rim.mean(0) + (rim - rim.mean(0)) * (
                1 - depth / len(NOSTRIL_NAMES)
            )
        plane[skin.rings[f"{nostril}/nostril end"]] = rim.mean(0)
    return plane


def _nests() -> list[tuple[tuple[str, ...], float]]:
    """Rings around each opening from the outermost inwards, and the innermost one's size."""
    eyes = [(tuple(f"{side}/{name}" for name in EYE_NAMES), _LID_SHARE) for side in ("left", "right")]
    return [(LIP_NAMES, _LIP_SHARE), *eyes]


def _lining(skin: Skin, plane: np.ndarray, count: int) -> np.ndarray:  # (count, 2)
    """The lining of the mouth: rows as long as the inner lips' ring, then one vertex at the throat."""
    outer = plane[skin.rings[LIP_NAMES[0]]]
    middle = _middle_line(outer, LIP_NAMES[0])
    rows = count // len(outer)
    shares = _LIP_SHARE + (_LINING_SHARE - _LIP_SHARE) * (1 + np.arange(rows)) / rows
    place = middle + shares[:, None, None] * (outer - middle)
    return np.concatenate((place.reshape(-1, 2), np.tile(middle.mean(0), (count - place.shape[0] * len(outer), 1))))


def _zoomed(place: np.ndarray) -> np.ndarray:  # (N, 2)
    """Möbius map of the unit disc onto itself that brings the face to the middle and gives it more room."""
    point = place[:, 0] + 1j * place[:, 1]
    middle = -1j * _FACE_ZOOM
    moved = (point - middle) / (1 - np.conj(middle) * point)
    return np.stack((moved.real, moved.imag), axis=1)


def _middle_line(ring: np.ndarray, name: str) -> np.ndarray:  # (N, 2)
    """For each point of a ring the point halfway to the one facing it across the opening, drawn in a little."""
    count = len(ring)
    place = np.arange(count)
    facing = (count // 2 - place) % count if name == LIP_NAMES[0] else (-place) % count
    middle = (ring + ring[facing]) / 2
    return middle.mean(0) + _MIDDLE_LENGTH * (middle - middle.mean(0))


def _island(points: np.ndarray, part: Part, left: float, bottom: float, width: float, height: float) -> np.ndarray:
    """A part seen from its most telling side, fitted into its cell."""
    axes = {Part.LEFT_EAR: (2, 1), Part.RIGHT_EAR: (2, 1), Part.TONGUE: (0, 2)}.get(part, (0, 1))
    flat = points[:, axes]
    low, high = flat.min(0), flat.max(0)
    place = (flat - low) / (high - low)
    return np.array([left, bottom]) + np.array([width, height]) * (_MARGIN + (1 - 2 * _MARGIN) * place)
