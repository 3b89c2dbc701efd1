"""The neutral skin of the open head: rings and feature lines drawn by hand, the smoothest surface through them."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from emotag.head.open_head.anatomy import HEART
from emotag.head.open_head.curves import line
from emotag.head.open_head.drawing_lines import LINES, PROFILE_ABOVE, PROFILE_BELOW
from emotag.head.open_head.fairing import fair
from emotag.head.open_head.fill import Shell, blocked, directions, mirrored, relax, scatter
from emotag.head.open_head.half import Half
from emotag.head.open_head.lids import EYE_NAMES, add_lids
from emotag.head.open_head.lips import LIP_NAMES, add_lips
from emotag.head.open_head.neck import NECK_NAMES, add_neck
from emotag.head.open_head.nostrils import NOSTRIL_NAMES, add_nostril

_HOLES = (EYE_NAMES[0], LIP_NAMES[0], NOSTRIL_NAMES[0], NECK_NAMES[0])
"""Rings that leave an opening in the triangulation on the sphere; what lies within is made of bands of rings."""
_HEART = np.array(HEART)

_LINE_PULL, _PROFILE_PULL = 0.5, 2.0
"""Firmness of feature lines and of the profile in fairing: they may give way by some tenths of a millimetre."""
_FINE = {"nose": 2.4, "ala": 2.2, "columella": 2.2, "philtrum": 2.6, "lip": 3.5}
_COARSE = ("crown", "forehead", "hairline", "parietal", "mastoid", "neck", "temple")
_FACE_SPACING, _SKULL_SPACING = 5.0, 11.0
"""Millimetres between the vertices of a line; by the first word of its name."""
_GROWTH, _LARGEST = 0.12, 12.0
"""Spacing of the fill: grows by this much per millimetre away from lines and rings, up to the largest."""


@dataclass(frozen=True)
class Skin:
    """One connected surface, mirror-symmetric. Millimetres in the design frame."""

    points: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    rays: np.ndarray  # (V, 3) direction on the spherical chart of what lies on it, NaN elsewhere
    mirror: np.ndarray  # (V,) the vertex on the other side
    half_faces: int  # the first ones lie at x ≥ 0, then come their mirror images with corners reversed
    rings: dict[str, np.ndarray]  # closed and ordered; those of eyes and nostrils "left/…" and "right/…"


@cache
def neutral_skin() -> Skin:
    """Build the neutral skin. Deterministic."""
    half = Half()
    bands = [*add_lips(half), *add_lids(half), *add_nostril(half), *add_neck(half)]
    edges = [directions(half.ring(name), _HEART) for name in _HOLES]
    _add_lines(half, edges)
    known = half.points[half.charted]
    shell = Shell(known, _HEART)
    points, spacing = scatter(known, half.spacing[half.charted], shell, edges, _GROWTH, _LARGEST)
    half.add("fill", points, spacing, 0.0)

    charted = np.flatnonzero(half.charted)
    rays = directions(half.points[charted], _HEART)
    free = half.firmness[charted] == 0
    holes = [np.searchsorted(charted, half.groups[name]) for name in _HOLES]
    outer = charted[relax(rays, free, holes, edges)]
    half.points[charted[free]] = shell(rays[free])
    chart = np.full(half.points.shape, np.nan)
    chart[charted] = rays
    return _whole(half, np.concatenate((outer, *bands)), chart)


def _add_lines(half: Half, edges: list[np.ndarray]) -> None:
    for name, points in (("profile above", PROFILE_ABOVE), ("profile below", PROFILE_BELOW)):
        chosen = _graded(np.array(points, dtype=float))
        half.add(name, chosen, _profile_spacing(chosen), _PROFILE_PULL)
    for name, points in LINES.items():
        first = name.split()[0]
        spacing = _FINE.get(first, _SKULL_SPACING if first in _COARSE else _FACE_SPACING)
        along = line(np.array(points, dtype=float), spacing)
        half.add_line(name, along[~blocked(directions(along, _HEART), edges)], spacing, _LINE_PULL)


def _graded(points: np.ndarray, step: float = 0.25) -> np.ndarray:  # (N, 3)
    """The profile through the points, its vertices as far apart as `_profile_spacing` asks for."""
    dense = line(points, step)
    place = np.concatenate(([0], np.cumsum(step / _profile_spacing(dense[:-1]))))
    wanted = np.interp(np.linspace(0, place[-1], round(place[-1]) + 1), place, np.arange(len(dense)))
    chosen = dense[np.round(wanted).astype(int)]
    chosen[:, 0] = 0
    return chosen


def _profile_spacing(points: np.ndarray) -> np.ndarray:  # (N,)
    """Millimetres: nose, face, throat, skull."""
    front = points[:, 2] > 60
    nose = front & (np.abs(points[:, 1] + 20) < 26)
    face = front & (points[:, 1] < 50)
    return np.select((nose, face, points[:, 1] < -100), (2.5, 4.5, 6.0), 10.0)


def _whole(half: Half, faces: np.ndarray, chart: np.ndarray) -> Skin:
    """Mirror the half, then fair the free part of the whole."""
    count = len(half.points)
    side = np.flatnonzero(half.points[:, 0] > 0)
    other = np.arange(count)
    other[side] = count + np.arange(len(side))
    mirror = np.concatenate((other, side))
    points = np.concatenate((half.points, mirrored(half.points[side])))
    firmness = np.concatenate((half.firmness, half.firmness[side]))
    chart = np.concatenate((chart, mirrored(chart[side])))
    all_faces = np.concatenate((faces, other[faces][:, ::-1]))
    smooth = fair(points, all_faces, np.isinf(firmness), np.where(np.isinf(firmness), 0, firmness))
    smooth = (smooth + mirrored(smooth)[mirror]) / 2
    return Skin(smooth, all_faces, chart, mirror, len(faces), _rings(half, other))


def _rings(half: Half, other: np.ndarray) -> dict[str, np.ndarray]:
    rings = {}
    for name in (*LIP_NAMES, *NECK_NAMES):
        ids = half.groups[name]
        rings[name] = np.concatenate((ids, other[ids[1:-1]][::-1]))
    for name in (*EYE_NAMES, *NOSTRIL_NAMES, "nostril end"):
        rings[f"left/{name}"] = half.groups[name]
        rings[f"right/{name}"] = other[half.groups[name]]
    return rings
