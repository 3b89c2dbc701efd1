"""The neutral skin of the open head: feature lines and rings by hand, the smoothest surface through them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from emotag.head.open_head import anatomy
from emotag.head.open_head.curves import closed, half_ring, line
from emotag.head.open_head.fairing import fair
from emotag.head.open_head.fill import Shell, blocked, directions, mirrored, relax, scatter
from emotag.head.open_head.ring_band import band

_MOUTH_AT = np.concatenate((np.linspace(0, 3, 9), np.linspace(3, 5, 7)[1:], np.linspace(5, 8, 9)[1:]))
_LID_AT = np.linspace(0, 12, 29)[:-1]
_NOSTRIL_AT = np.linspace(0, 8, 13)[:-1]
_NECK_AT = np.linspace(0, 7, 19)
_HEART = np.array(anatomy.HEART)


class Half:
    """The half x ≥ 0 as it grows: points with a name, a wanted spacing and how firmly they are held."""

    def __init__(self) -> None:
        self.points = np.zeros((0, 3))
        self.spacing = np.zeros(0)
        self.firmness = np.zeros(0)  # inf: fixed
        self.charted = np.zeros(0, dtype=bool)  # takes part in the triangulation on the sphere
        self.groups: dict[str, np.ndarray] = {}

    def add(
        self, name: str, points: np.ndarray, spacing: float | np.ndarray, firmness: float, charted: bool = True
    ) -> np.ndarray:
        ids = len(self.points) + np.arange(len(points))
        self.points = np.concatenate((self.points, points))
        self.spacing = np.concatenate((self.spacing, np.broadcast_to(spacing, len(points))))
        self.firmness = np.concatenate((self.firmness, np.full(len(points), firmness)))
        self.charted = np.concatenate((self.charted, np.full(len(points), charted)))
        self.groups[name] = np.concatenate((self.groups.get(name, ids[:0]), ids))
        return ids

    def add_line(self, name: str, points: np.ndarray, spacing: float, firmness: float, keep: float = 0.6) -> None:
        """Add what is not too near to a point that is there already."""
        if len(self.points):
            apart = cKDTree(self.points[self.charted]).query(points)[0]
            points = points[apart > keep * spacing]
        off_middle = (points[:, 0] == 0) | (points[:, 0] > 0.5 * spacing)
        self.add(name, points[off_middle], spacing, firmness)


@dataclass(frozen=True)
class Skin:
    """One connected surface, mirror-symmetric. Millimetres in the design frame."""

    points: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    rays: np.ndarray  # (V, 3) direction on the spherical chart of what lies on it, NaN elsewhere
    mirror: np.ndarray  # (V,) the vertex on the other side
    half_faces: int  # the first ones lie at x ≥ 0, then come their mirror images with corners reversed
    rings: dict[str, np.ndarray]  # closed rings, ordered; lids "left/…" and "right/…"


_PULL = 0.5
LINE_SPACING = {"nose": 2.4, "ala": 2.2, "columella": 2.2, "philtrum": 2.6, "lip": 3.5}
_HOLES = ("orbit", "perioral", "nostril", "throat")
_COARSE = ("crown", "forehead", "hairline", "parietal", "mastoid", "neck", "temple")


@cache
def neutral_skin() -> Skin:
    """Build the neutral skin. Deterministic."""
    half = Half()
    faces = [*_mouth(half), *_lids(half), *_nostril(half), *_neck(half)]
    edges = [_closed_ring(directions(half.points[half.groups[name]], _HEART)) for name in _HOLES]
    _midline(half)
    for name, points in anatomy.LINES.items():
        first = name.split()[0]
        spacing = LINE_SPACING.get(first, 13.0 if first in _COARSE else 5.0)
        along = line(np.array(points, dtype=float), spacing)
        buried = blocked(directions(along, _HEART), edges)
        half.add_line(name, along[~buried], spacing, _PULL)
    known = half.points[half.charted]
    shell = Shell(known, _HEART)
    points, spacing = scatter(known, half.spacing[half.charted], shell, edges, 0.12, 14.0)
    half.add("fill", points, spacing, 0.0)

    charted = np.flatnonzero(half.charted)
    rays = directions(half.points[charted], _HEART)
    free = half.firmness[charted] == 0
    holes = [np.searchsorted(charted, half.groups[name]) for name in _HOLES]
    outer = charted[relax(rays, free, holes, edges)]
    half.points[charted[free]] = shell(rays[free])
    half_faces = np.concatenate((outer, *faces))
    chart = np.full(half.points.shape, np.nan)
    chart[charted] = rays
    return _whole(half, half_faces, chart)


def _closed_ring(ring: np.ndarray) -> np.ndarray:
    """A ring that ends on the midline, with its other half."""
    return np.concatenate((ring, mirrored(ring[1:-1])[::-1])) if ring[0, 0] == 0 else ring


def _mouth(half: Half) -> list[np.ndarray]:
    rings = []
    for name, smooth, stations in anatomy.LIP_RINGS:
        points = half_ring(np.array(stations), _MOUTH_AT, None if smooth else anatomy.LIP_CORNER)
        rings.append(half.add(name, points, 3.0, np.inf, charted=name == "perioral"))
    return [band(outer, inner, False, half.points) for outer, inner in zip(rings, rings[1:])]


def _lids(half: Half) -> list[np.ndarray]:
    rings = [
        half.add(name, closed(np.array(points), _LID_AT), 3.2, np.inf, charted=name == "orbit")
        for name, points in (("orbit", anatomy.ORBIT), ("fold", anatomy.FOLD), ("crease", anatomy.CREASE))
    ]
    for name, height, flat in anatomy.LID_RINGS:
        points = closed(_on_ball(np.array(flat), height), _LID_AT, (0, anatomy.OUTER_CANTHUS))
        rings.append(half.add(name, points, 2.0, np.inf, charted=False))
    return [band(outer, inner, True, half.points) for outer, inner in zip(rings, rings[1:])]


def _on_ball(flat: np.ndarray, height: float) -> np.ndarray:  # (12, 3)
    centre = np.array(anatomy.EYE_CENTRE)
    radius = anatomy.EYE_RADIUS + height + np.array(anatomy.LID_LIFT)
    depth = np.sqrt(radius**2 - ((flat - centre[:2]) ** 2).sum(1))
    return np.concatenate((flat, (centre[2] + depth)[:, None]), axis=1)


def _nostril(half: Half) -> list[np.ndarray]:
    rim = closed(np.array(anatomy.NOSTRIL), _NOSTRIL_AT)
    middle = rim.mean(0)
    rings = [half.add("nostril", rim, 2.0, np.inf)]
    for size, shift in anatomy.NOSTRIL_DEPTH:
        rings.append(half.add("nostril inside", middle + size * (rim - middle) + shift, 2.0, np.inf, charted=False))
    deepest = half.points[rings[-1]].mean(0)
    end = half.add("nostril inside", deepest[None] + (0, 1.0, -0.5), 2.0, np.inf, charted=False)
    around = rings[-1]
    fan = np.stack((around, np.full_like(around, end[0]), np.roll(around, -1)), axis=1)
    return [*(band(outer, inner, True, half.points) for outer, inner in zip(rings, rings[1:])), fan]


def _neck(half: Half) -> list[np.ndarray]:
    rings = [
        half.add(name, half_ring(np.array(points), _NECK_AT), 10.0, np.inf, charted=name == "throat")
        for name, points in anatomy.NECK_RINGS
    ]
    return [band(inner, outer, False, half.points)[:, ::-1] for inner, outer in zip(rings[1:], rings)]


def _midline(half: Half) -> None:
    above, below = (np.array(points, dtype=float) for points in (anatomy.PROFILE_ABOVE, anatomy.PROFILE_BELOW))
    for name, points in (("profile above", above), ("profile below", below)):
        dense = line(points, 0.25)
        spacing = _profile_spacing(dense)
        place = np.concatenate(([0], np.cumsum(0.25 / spacing[:-1])))
        wanted = np.interp(np.linspace(0, place[-1], round(place[-1]) + 1), place, np.arange(len(dense)))
        chosen = dense[np.round(wanted).astype(int)]
        chosen[:, 0] = 0
        half.add(name, chosen, _profile_spacing(chosen), 4 * _PULL)


def _profile_spacing(points: np.ndarray) -> np.ndarray:
    """2.5 mm at the nose, 4 on the face, 14 over the skull."""
    front = points[:, 2] > 60
    nose = front & (np.abs(points[:, 1] + 20) < 26)
    return np.where(nose, 2.5, np.where(front & (points[:, 1] < 50), 4.5, np.where(points[:, 1] < -100, 6.0, 10.0)))


def _whole(half: Half, faces: np.ndarray, chart: np.ndarray) -> Skin:
    """Mirror the half, then fair the free part of the whole."""
    count = len(half.points)
    side = np.flatnonzero(half.points[:, 0] > 0)
    other = np.arange(count)
    other[side] = count + np.arange(len(side))
    points = np.concatenate((half.points, mirrored(half.points[side])))
    firmness = np.concatenate((half.firmness, half.firmness[side]))
    chart = np.concatenate((chart, mirrored(chart[side])))
    all_faces = np.concatenate((faces, other[faces][:, ::-1]))
    smooth = fair(points, all_faces, np.isinf(firmness), np.where(np.isinf(firmness), 0, firmness))
    mirror = np.concatenate((other, side))
    smooth = (smooth + mirrored(smooth)[mirror]) / 2
    return Skin(smooth, all_faces, chart, mirror, len(faces), _rings(half, other))


def _rings(half: Half, other: np.ndarray) -> dict[str, np.ndarray]:
    rings = {}
    for name in [name for name, _, _ in anatomy.LIP_RINGS] + [name for name, _ in anatomy.NECK_RINGS]:
        ids = half.groups[name]
        rings[name] = np.concatenate((ids, other[ids[1:-1]][::-1]))
    for name in ("orbit", "fold", "crease", *(name for name, _, _ in anatomy.LID_RINGS), "nostril"):
        rings[f"left/{name}"] = half.groups[name]
        rings[f"right/{name}"] = other[half.groups[name]]
    return rings
