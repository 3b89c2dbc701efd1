"""A pinna: helix, antihelix with its two crura, triangular fossa, concha, tragus, antitragus and lobe."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces


@dataclass(frozen=True)
class Pinna:
    """Sizes and place of the left ear, metres and radians (Farkas, Anthropometry of the Head and Face 1994)."""

    centre: tuple[float, float, float] = (0.0745, -0.009, -0.019)  # on the skull under the middle of the ear
    height: float = 0.062  # along the ear's own axis; adults: 60–63 mm
    width: float = 0.034  # adults: 33–36 mm
    protrusion: float = 0.018  # of the helix from the front edge; adults: 17–21 mm from the skull
    inclination: float = float(np.radians(12.0))  # the top leans backwards; adults: 10–20°
    lean: float = float(np.radians(10.0))  # the top leans outwards, as the side of the skull does


def ear(pinna: Pinna | None = None) -> Mesh:
    """Give the left ear as a closed surface whose root lies inside the skull; `.mirrored()` is the right one.

    The first vertex is the middle of the concha, the last one the middle of the buried root.
    """
    pinna = pinna or Pinna()
    front = np.stack([_curve(points) for points in _CURVES])  # (R, S, 3) mm, from the rim inwards
    front[..., 2] += _SLOPE * (front[..., 0] - _FRONT)
    concha = np.array(_CONCHA)
    concha[2] += _SLOPE * (concha[0] - _FRONT)
    back = _back(front[0], front[1])
    rings = np.concatenate((back[::-1], front))
    middle = np.array([*_ROOT_MIDDLE, _BURIED - 1.0])
    points = np.concatenate((concha[None], rings.reshape(-1, 3), middle[None]))

    ids = 1 + np.arange(rings.shape[0] * rings.shape[1]).reshape(rings.shape[:2])
    faces = np.concatenate((
        fan_faces(ids[0], len(points) - 1),
        grid_faces(ids, closed=True),
        fan_faces(ids[-1, ::-1], 0),
    ))  # fmt: skip
    return Mesh(_placed(points, front, pinna), faces)


def seated(
    pinna: Pinna,
    skin: np.ndarray,  # (V, 3) metres: vertices of the skin, without ears
) -> Pinna:
    """Give the pinna moved in or out to where the left side of the skull is, and leaning as it does there.

    Raises ValueError when there is too little skin near the ear.
    """
    offset = skin[:, 1:] - np.asarray(pinna.centre)[1:]
    near = (skin[:, 0] > 0) & (np.linalg.norm(offset, axis=1) < _SEAT * pinna.height)
    if near.sum() < 3:
        raise ValueError(f"only {near.sum()} vertices of skin near the ear's place {pinna.centre}")
    columns = np.column_stack((np.ones(near.sum()), offset[near]))
    plane = np.linalg.lstsq(columns, skin[near, 0], rcond=None)[0]
    under_concha = np.linalg.norm(offset[near], axis=1) < _CONCHA_REACH * pinna.height
    bulge = (skin[near, 0] - columns @ plane)[under_concha].max(initial=0.0)
    return replace(pinna, centre=(float(plane[0] + bulge), *pinna.centre[1:]), lean=float(np.arctan(plane[1])))


_SEAT = 0.55
"""Radius around the ear's middle in which the skull is taken as flat, in ear heights."""
_CONCHA_REACH = 0.25
"""Within this radius the skull must not rise through the floor of the concha, in ear heights."""


def _placed(points: np.ndarray, front: np.ndarray, pinna: Pinna) -> np.ndarray:
    """From the drawing, mm backwards, up, outwards, to the design frame."""
    low, high = front.reshape(-1, 3).min(axis=0), front.reshape(-1, 3).max(axis=0)
    scale = np.array([pinna.width, pinna.height, pinna.protrusion]) / (high - (low[0], low[1], 0.0))
    backwards, up, outwards = ((points - (*(low + high)[:2] / 2, 0.0)) * scale).T
    sin, cos = np.sin(pinna.lean), np.cos(pinna.lean)
    outwards, up = cos * outwards + sin * up, cos * up - sin * outwards
    sin, cos = np.sin(pinna.inclination), np.cos(pinna.inclination)
    backwards, up = cos * backwards + sin * up, cos * up - sin * backwards
    return np.asarray(pinna.centre) + np.stack((outwards, up, -backwards), axis=1)


def _back(rim: np.ndarray, outline: np.ndarray) -> np.ndarray:  # (3, S, 3) mm
    """Rings of the back from the rim to the root: the wall behind scapha and concha, the sulcus, inside the skull."""
    middle = np.array(_ROOT_MIDDLE)
    rings = np.empty((3, *rim.shape))
    for ring, share in zip(rings, _BACK_SHARES, strict=True):
        ring[:, :2] = middle + share * (outline[:, :2] - middle)
    rings[0, :, 2] = 0.72 * rim[:, 2] - 0.8
    rings[1, :, 2] = np.minimum(rim[:, 2] - 1.0, 1.0)
    rings[2, :, 2] = _BURIED
    return rings


def _curve(points: tuple[tuple[float, float, float], ...]) -> np.ndarray:  # (S, 3)
    """A smooth closed curve through the points, and one or two more between each two of them."""
    knots = np.arange(len(points) + 1)
    spline = CubicSpline(knots, (*points, points[0]), bc_type="periodic")
    return spline(np.concatenate([start + np.arange(count) / count for start, count in enumerate(_PER_STRETCH)]))


_PER_STRETCH = (3, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 2, 2)
"""Vertices from each point of a curve to the next."""
_SLOPE = 0.45
"""The pinna's plane opens backwards: 24° from the skull (the auriculocephalic angle is 20–30°)."""
_FRONT = -15.0
_BURIED = -5.0
_ROOT_MIDDLE = (-3.0, -2.0)
_BACK_SHARES = (0.80, 0.58, 0.54)
_CONCHA = (-1.2, -2.2, -4.9)

# Drawing of the left ear: closed curves from the rim inwards. Millimetres backwards and up from the middle of the ear,
# and outwards from the pinna's sloping plane. Every curve passes the same stations: root of the helix, front of the
# helix, top, end of the superior crus, upper back, back, lower back, end of the helix, lobe below, lobe in front,
# below the tragus, tragus, notch above the tragus.
_RIM = (
    (-13.5, 7, -3.5), (-10.5, 18.5, -3.5), (0, 29, -4), (8.4, 28.3, -4), (14, 23.7, -4),
    (17.9, 8.8, -4), (15.6, -7.5, -4), (9.4, -19.4, -4), (-0.5, -28.8, -4), (-9.8, -26, -4),
    (-14, -14.5, -4), (-15, -5, -4), (-14.5, 2, -4),
)  # fmt: skip
_OUTLINE = (
    (-14.5, 7, -1.5), (-11.5, 20, 0.2), (0, 31, 0), (9, 30, 0), (15, 24.8, 0),
    (19, 9, 0), (16.6, -8, -0.5), (10.2, -20.4, -1), (-0.3, -30.5, -1.5), (-10.6, -27.6, -3),
    (-15, -15, -3), (-16, -5, -2.5), (-15.5, 2, -2.5),
)  # fmt: skip
_CREST = (
    (-12, 8.5, 3), (-9.5, 18.8, 3.2), (0.3, 28.8, 2.8), (7.9, 27.9, 2.6), (13.1, 23.4, 2.6),
    (16.8, 8.8, 2.4), (14.6, -7.2, 1.5), (8.6, -19, 0.4), (-1, -27.6, 0.2), (-9, -25, -0.7),
    (-12.6, -15, -0.6), (-12.6, -5, 0.2), (-12.8, 2, -0.4),
)  # fmt: skip
_LIP = (
    (-9, 8, 3.2), (-6.4, 16.6, 2.6), (0.4, 25.8, 2), (6.4, 25, 1.9), (10.8, 21.3, 1.9),
    (13.9, 8.5, 1.5), (12, -6, 0.7), (6.6, -16.8, -0.2), (-1.6, -23.6, 0.6), (-7.2, -21.7, 0.3),
    (-9.6, -14.6, 0.8), (-8.8, -5, 3), (-10, 1.5, 1.4),
)  # fmt: skip
_SCAPHA = (
    (-7, 6, 2), (-6.8, 14.8, -1.6), (0, 23.6, -2.6), (5.6, 23.2, -1.2), (9.8, 20.4, -2.9),
    (13.3, 8.2, -3.4), (10.9, -5.6, -2.2), (5, -15, -0.8), (-2, -20.2, 0.6), (-6, -19, 0.2),
    (-7.8, -13.2, 0.2), (-6.2, -5, 3.6), (-8, 1, 1.2),
)  # fmt: skip
_ANTIHELIX = (
    (-5, 4.4, 0.9), (-4.6, 11.8, -2), (0.2, 16.6, -2.8), (4.6, 17.2, 1.3), (7, 15, 1.8),
    (9.6, 6.2, 2.6), (7.8, -5, 2.2), (3.2, -12.8, 1.6), (-2, -16.4, 2.6), (-5.2, -15.2, 0),
    (-6.9, -11.4, -1.4), (-5.2, -4.8, 3), (-6.6, 0.6, 0.4),
)  # fmt: skip
_CONCHA_RIM = (
    (-4, 3.2, -0.2), (-2.8, 8.8, 0.2), (0.6, 10.6, 1.2), (3.6, 10.8, 1.6), (5.2, 9.8, 1.3),
    (7.6, 4.8, 1.2), (6, -4, 0.8), (1.8, -10.6, 0.4), (-2.2, -13.2, 0.9), (-4.4, -12, -2),
    (-5.6, -9.4, -2.8), (-6.4, -4.8, 0.2), (-6, -0.2, -1.2),
)  # fmt: skip
_CONCHA_FLOOR = (
    (-3, 1.6, -1.4), (-2, 6, -3.4), (0.2, 7.6, -4.4), (2.6, 7.6, -5.4), (4, 6.8, -6),
    (5.8, 2.8, -6.6), (4.6, -3.5, -6.2), (1, -8.6, -5.1), (-2.2, -10.4, -4.2), (-4.2, -9.4, -3.4),
    (-5.6, -7.4, -2.9), (-7, -4.6, -2.4), (-5.4, -1.2, -2.6),
)  # fmt: skip
_CURVES = (_RIM, _OUTLINE, _CREST, _LIP, _SCAPHA, _ANTIHELIX, _CONCHA_RIM, _CONCHA_FLOOR)
