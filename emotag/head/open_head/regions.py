"""Named regions of the open head."""

import numpy as np

from emotag.head.open_head.lids import LID_NAMES
from emotag.head.open_head.lips import LIP_NAMES
from emotag.head.open_head.neck import NECK_NAMES
from emotag.head.open_head.rigging import head_fraction
from emotag.head.open_head.skin import Skin
from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.regions import scalp

_LIPS = LIP_NAMES[LIP_NAMES.index("vermilion border") : LIP_NAMES.index("vestibule")]
_INSIDE = LIP_NAMES[LIP_NAMES.index("vestibule") :]
_FACE_HALF_WIDTH, _FACE_BACK, _FACE_TOP = 0.075, 0.002, 0.067
_FACE_BOTTOM = -0.112


def head_regions(
    skin: Skin,
    surface: HeadSurface,
) -> dict[str, np.ndarray]:  # vertex ids: sorted, neck_bottom in order around
    """Every region of emotag.head.model.REGIONS, and gums, shoulders, upper_lid and lower_lid (of both eyes)."""
    vertices = surface.vertices
    outer = np.flatnonzero(surface.part == Part.SKIN)
    inside = np.concatenate([skin.rings[name] for name in _INSIDE])
    points = vertices[outer]
    front = (np.abs(points[:, 0]) < _FACE_HALF_WIDTH) & (points[:, 2] > _FACE_BACK)
    level = (points[:, 1] < _FACE_TOP) & (points[:, 1] > _FACE_BOTTOM) & (head_fraction(points) > 0.9)
    face = np.setdiff1d(outer[front & level], inside)
    trunk = _trunk(skin)
    rest = np.setdiff1d(outer, np.concatenate((face, inside, trunk)))
    hair = scalp(vertices, rest, surface.eye_centres.mean(0), surface.landmarks[8])
    neck = np.setdiff1d(rest[head_fraction(vertices[rest]) < 1], hair)
    lids = np.concatenate([_ring_ids(skin, name) for name in LID_NAMES])
    return {
        "face": face,
        "lips": np.unique(np.concatenate([skin.rings[name] for name in _LIPS])),
        "mouth_interior": np.union1d(inside, _of(surface, *_INTERIOR)),
        "upper_teeth": _of(surface, Part.UPPER_TEETH),
        "lower_teeth": _of(surface, Part.LOWER_TEETH),
        "tongue": _of(surface, Part.TONGUE),
        "gums": _of(surface, Part.UPPER_GUMS, Part.LOWER_GUMS),
        "left_eye": _of(surface, Part.LEFT_EYE),
        "right_eye": _of(surface, Part.RIGHT_EYE),
        "scalp": hair,
        "ears": _of(surface, Part.LEFT_EAR, Part.RIGHT_EAR),
        "neck": neck,
        "neck_bottom": skin.rings["neck base"],
        "shoulders": trunk,
        "upper_lid": np.sort(lids[surface.lid_side[lids] > 0]),
        "lower_lid": np.sort(lids[surface.lid_side[lids] < 0]),
    }


_INTERIOR = (Part.UPPER_TEETH, Part.LOWER_TEETH, Part.UPPER_GUMS, Part.LOWER_GUMS, Part.TONGUE, Part.SOCKET)


def _of(surface: HeadSurface, *parts: Part) -> np.ndarray:
    return np.flatnonzero(np.isin(surface.part, parts))


def _ring_ids(skin: Skin, name: str) -> np.ndarray:
    return np.concatenate((skin.rings[f"left/{name}"], skin.rings[f"right/{name}"]))


def _trunk(skin: Skin) -> np.ndarray:
    """What lies below the ring around the base of the neck."""
    below = NECK_NAMES[NECK_NAMES.index("neck base") + 1 :]
    return np.sort(np.concatenate([skin.rings[name] for name in below]))
