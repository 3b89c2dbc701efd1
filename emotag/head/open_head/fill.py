"""Vertices between the feature lines, and the triangles through all of them, on the sphere of directions."""

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import ConvexHull, cKDTree

_CANDIDATES = 60_000
_NEIGHBOURS = 24
_RELAXATIONS = 12
_FROM_KNOWN, _FROM_MIDLINE, _FROM_EACH_OTHER = 0.7, 0.6, 0.86
"""Least distances of filled-in points, in wanted distances."""


def directions(
    points: np.ndarray,  # (N, 3)
    heart: np.ndarray,  # (3,)
) -> np.ndarray:  # (N, 3) unit
    """Place on the spherical chart: the direction in which the heart of the head sees a point."""
    away = points - heart
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def mirrored(points: np.ndarray) -> np.ndarray:
    """Give the points reflected in the plane x = 0."""
    return points * np.array([-1.0, 1.0, 1.0])


def inside(
    rays: np.ndarray,  # (N, 3) unit
    ring: np.ndarray,  # (R, 3) unit, around a hole smaller than a hemisphere
) -> np.ndarray:  # (N,) bool
    """Whether directions fall into a hole (even-odd rule in the gnomonic projection about its middle)."""
    axis = ring.mean(0) / np.linalg.norm(ring.mean(0))
    across = np.cross(axis, [0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [0.0, 0.0, 1.0])
    frame = np.stack((across, np.cross(axis, across)), axis=1)
    polygon = ring @ frame / (ring @ axis)[:, None]
    before = rays @ axis > 0.05
    x, y = (rays[before] @ frame / (rays[before] @ axis)[:, None]).T
    crossings = np.zeros(len(x), dtype=int)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0)):
        level = (ay > y) != (by > y)
        crossings += level & (x < ax + (bx - ax) * (y - ay) / (by - ay if by != ay else 1.0))
    result = np.zeros(len(rays), dtype=bool)
    result[before] = crossings % 2 == 1
    return result


def blocked(
    rays: np.ndarray,  # (N, 3) unit
    rings: list[np.ndarray],  # closed rings of directions
) -> np.ndarray:  # (N,) bool
    """Whether directions fall into a hole or into a circle over an edge of its ring.

    With those circles empty, Delaunay triangulation keeps the ring's edges.
    """
    result = np.zeros(len(rays), dtype=bool)
    for ring in rings:
        after = np.roll(ring, -1, axis=0)
        distance, nearest = cKDTree((ring + after) / 2).query(rays)
        half = np.linalg.norm(after - ring, axis=1) / 2
        result |= inside(rays, ring) | (distance < _EDGE_CLEARANCE * half[nearest])
    return result


_EDGE_CLEARANCE = 1.2


class Shell:
    """A first guess of the skin: distance from the heart by direction, smooth through the known points."""

    def __init__(self, points: np.ndarray, heart: np.ndarray) -> None:
        both = np.concatenate((points, mirrored(points[points[:, 0] > 0])))
        self._heart = heart
        self._radius = RBFInterpolator(
            directions(both, heart),
            np.linalg.norm(both - heart, axis=1),
            neighbors=_NEIGHBOURS,
            kernel="linear",
            smoothing=1e-3,
        )

    def __call__(self, rays: np.ndarray) -> np.ndarray:
        """Give the surface point in each direction, (N, 3)."""
        return self._heart + self._radius(rays)[:, None] * rays


def scatter(
    known: np.ndarray,  # (N, 3) of the half x ≥ 0
    spacing: np.ndarray,  # (N,) wanted distance around each
    shell: Shell,
    holes: list[np.ndarray],  # closed rings of directions that stay empty
    growth: float,
    largest: float,
) -> tuple[np.ndarray, np.ndarray]:  # (M, 3) points, (M,) their spacing
    """Poisson-disc points of the half head that keep their distance from the known ones and from the midline.

    The wanted distance grows by `growth` per millimetre away from the known points, up to `largest`.
    """
    rays = _fibonacci(_CANDIDATES)
    rays = rays[rays[:, 0] > 0]
    rays = rays[~blocked(rays, holes)]
    points = shell(rays)
    distance, nearest = cKDTree(known).query(points, k=6)
    wanted = np.minimum((spacing[nearest] + growth * distance).min(1), largest)
    clear = (distance[:, 0] > _FROM_KNOWN * wanted) & (points[:, 0] > _FROM_MIDLINE * wanted)
    order = np.flatnonzero(clear)[np.argsort(wanted[clear], kind="stable")]  # the densest places choose first
    points, wanted = points[order], wanted[order]
    tree = cKDTree(points)
    free = np.ones(len(points), dtype=bool)
    taken = []
    for index in range(len(points)):
        if free[index]:
            taken.append(index)
            free[tree.query_ball_point(points[index], _FROM_EACH_OTHER * wanted[index])] = False
    return points[taken], wanted[taken]


def triangulate(
    rays: np.ndarray,  # (N, 3) unit directions of the half x ≥ 0
    holes: list[np.ndarray],  # rings of ids: a triangle between points of one ring alone is left out
) -> np.ndarray:  # (F, 3) counter-clockwise from outside
    """Delaunay triangles on the sphere of the half with x ≥ 0. Raises ValueError when one crosses the midline."""
    side = np.flatnonzero(rays[:, 0] > 0)
    hull = ConvexHull(np.concatenate((rays, mirrored(rays[side]))))
    faces = hull.simplices
    corners = hull.points[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (normal * corners.mean(1)).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    twin = np.concatenate((np.arange(len(rays)), side))
    for ring in holes:
        faces = faces[~np.isin(twin[faces], ring).all(1)]
    here = (faces < len(rays)).all(1)
    crossing = ~here & (rays[np.minimum(faces, len(rays) - 1), 0] * (faces < len(rays)) > 0).any(1)
    if crossing.any():
        raise ValueError(f"{crossing.sum()} triangles cross the midline near {hull.points[faces[crossing][0]]}")
    return faces[here].astype(np.int64)


def relax(
    rays: np.ndarray,  # (N, 3), changed
    free: np.ndarray,  # (N,) bool
    holes: list[np.ndarray],  # rings of ids
    edges: list[np.ndarray],  # the same as closed rings of directions
) -> np.ndarray:  # (F, 3)
    """Even out the free points on the sphere, triangulating anew after each move; give the last triangles."""
    middle = rays[rays[:, 0] == 0]
    gap = cKDTree(middle).query(middle, k=3)[0][:, 2]  # to the further neighbour on the midline
    free = np.flatnonzero(free)
    _clear_midline(rays, free, middle, gap)
    faces = triangulate(rays, holes)
    for _ in range(_RELAXATIONS):
        total, count = np.zeros_like(rays), np.zeros(len(rays))
        for start, end in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)):
            np.add.at(total, faces[:, start], rays[faces[:, end]])
            np.add.at(count, faces[:, start], 1)
        moved = 0.5 * rays[free] + 0.5 * total[free] / count[free, None]
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        out = ~blocked(moved, edges)
        rays[free[out]] = moved[out]
        _clear_midline(rays, free, middle, gap)
        faces = triangulate(rays, holes)
    return faces


def _clear_midline(rays: np.ndarray, free: np.ndarray, middle: np.ndarray, gap: np.ndarray) -> None:
    """Move free points out of the circles over the midline's edges, so that these are edges of the triangulation."""
    least = _MIDLINE_CLEARANCE * gap[cKDTree(middle).query(rays[free])[1]]
    rays[free, 0] = np.maximum(rays[free, 0], least)
    rays[free] /= np.linalg.norm(rays[free], axis=1, keepdims=True)


_MIDLINE_CLEARANCE = 0.6


def _fibonacci(count: int) -> np.ndarray:  # (count, 3) evenly on the unit sphere
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    turn = np.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - height**2)
    return np.stack((radius * np.cos(turn), height, radius * np.sin(turn)), axis=1)
