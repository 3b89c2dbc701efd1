"""The lining of the mouth: a bag from the inner lips around both arches to the throat."""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.crowns import outer_bulge
from emotag.head.open_head.dental import Row
from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces


@dataclass(frozen=True)
class Bag:
    """Sizes of the bag, metres in the design frame."""

    roof: float = -0.0350  # y of the vestibule's and the palate's lining, over the front teeth
    floor: float = -0.0880
    half_width: float = 0.0350  # between the cheeks
    throat: float = -0.010  # z where it ends
    vestibule: float = 0.0015  # between the necks of the teeth and the inside of lips and cheeks


def socket(
    ring: np.ndarray,  # (N, 3) metres: the inner lips' closed ring, ordered, either way round
    upper: Row,
    bag: Bag | None = None,
) -> Mesh:
    """Give the lining, whose first N vertices are `ring` itself, in its order, to be welded.

    Faces look into the mouth: they are seen through the parted lips. Vertices of the ring above the slit lead to the
    roof, those below it to the floor, the corners to the cheeks. Raises ValueError for a ring that does not span the
    plane x = 0.
    """
    bag = bag or Bag()
    ring = np.asarray(ring, dtype=float)
    if ring.ndim != 2 or ring.shape[1] != 3 or ring[:, 0].min() >= 0 or ring[:, 0].max() <= 0:
        raise ValueError(f"ring of inner lips: expected (N, 3) around x = 0, got {ring.shape}")
    angle = _angles(ring)
    rows = [ring, *_inside_of_lips(ring, angle, upper, bag), *_bag_rows(angle, upper, bag)]
    points = np.stack(rows)  # (R, N, 3)
    ids = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    end = rows[-1].mean(axis=0) * (0.0, 1.0, 1.0)
    end[2] = bag.throat
    faces = np.concatenate((grid_faces(ids, closed=True), fan_faces(ids[-1, ::-1], ids.size)))
    if _counter_clockwise(ring):
        faces = faces[:, ::-1].copy()
    return Mesh(np.concatenate((points.reshape(-1, 3), end[None])), faces)


def _counter_clockwise(ring: np.ndarray) -> bool:
    """Whether the ring runs counter-clockwise as the reader of the face sees it."""
    x, y = ring[:, 0], ring[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) > 0


def _angles(ring: np.ndarray) -> np.ndarray:  # (N,) radians
    """Direction in the bag's cross-section: 0 at the left corner, π/2 upwards, π at the right corner.

    It goes with the length along the lip, so that a closed mouth (a slit without height) has both lips still.
    """
    count = len(ring)
    left, right = int(ring[:, 0].argmax()), int(ring[:, 0].argmin())
    order = (left + np.arange(count)) % count
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(ring[order], axis=0), axis=1))))
    split = int((right - left) % count)
    closing = length[-1] + np.linalg.norm(ring[order[-1]] - ring[left])
    walk = np.empty(count)
    walk[order[: split + 1]] = np.pi * length[: split + 1] / length[split]
    walk[order[split:]] = np.pi + np.pi * (length[split:] - length[split]) / (closing - length[split])
    return walk if _counter_clockwise(ring) else -walk


# The bag's cross-sections from the front to the throat: depth behind the arch's front (metres); half-width, roof and
# floor in shares of the bag's.
_SECTIONS = (
    (0.0145, 0.82, 0.82, 0.86),
    (0.022, 0.95, 0.94, 0.95),
    (0.036, 1.00, 1.00, 1.00),
    (0.052, 0.98, 0.96, 0.97),
    (0.068, 0.84, 0.80, 0.92),
    (0.084, 0.66, 0.42, 0.84),
)
_SQUARE = 0.62
"""Exponent of the cross-section's superellipse: cheeks and roof meet in a round corner."""


def _bag_rows(angle: np.ndarray, upper: Row, bag: Bag) -> list[np.ndarray]:
    front = upper.arch.front
    return [
        _cross_section(
            angle,
            width * bag.half_width,
            front[1] + roof * (bag.roof - front[1]),
            front[1] + floor * (bag.floor - front[1]),
            np.full(len(angle), front[2] - depth),
        )
        for depth, width, roof, floor in _SECTIONS
    ]


def _cross_section(angle: np.ndarray, half_width: float, roof: float, floor: float, depth: np.ndarray) -> np.ndarray:
    across = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** _SQUARE
    up = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** _SQUARE
    middle = (roof + floor) / 2
    return np.stack((half_width * across, middle + (roof - floor) / 2 * up, depth), axis=1)


# Rows on the inside of the lips: share of the way to the vestibule's end in y, widening in x.
_LIP_ROWS = ((0.40, 0.45), (0.85, 0.80))
_FRONT_WIDTH = 0.78
_FRONT_HEIGHT = 0.80
"""Half-width and height of the vestibule's end in front, in the bag's."""


def _inside_of_lips(ring: np.ndarray, angle: np.ndarray, upper: Row, bag: Bag) -> list[np.ndarray]:
    """Rows between the lips and the front teeth, up and down to the vestibule's end."""
    front = upper.arch.front
    target = _cross_section(
        angle,
        _FRONT_WIDTH * bag.half_width,
        front[1] + _FRONT_HEIGHT * (bag.roof - front[1]),
        front[1] + _FRONT_HEIGHT * (bag.floor - front[1]),
        np.zeros(len(angle)),
    )
    wall_x, wall_z = _wall(upper, bag)
    rows = []
    for up, out in _LIP_ROWS:
        x = ring[:, 0] + out * (target[:, 0] - ring[:, 0])
        y = ring[:, 1] + up * (target[:, 1] - ring[:, 1])
        wall = np.maximum(np.interp(np.abs(x), wall_x, wall_z), front[2] - _SECTIONS[0][0] + _STEP_BACK)
        rows.append(np.stack((x, y, np.minimum(wall, ring[:, 2] - _STEP_BACK)), axis=1))
    return rows


def _wall(upper: Row, bag: Bag) -> tuple[np.ndarray, np.ndarray]:  # |x| rising, z
    """The curve that keeps its distance from the outer faces of the upper teeth."""
    arcs = np.array([tooth.arc for tooth in upper.teeth if tooth.arc > 0])
    bulges = np.array([outer_bulge(tooth.crown) for tooth in upper.teeth if tooth.arc > 0]) * 1e-3
    arc = np.linspace(0, arcs[-1], 100)
    point, _, normal = upper.arch.frame(arc)
    curve = point + (np.interp(arc, arcs, bulges) + bag.vestibule)[:, None] * normal
    return np.maximum.accumulate(curve[:, 0]), curve[:, 2]


_STEP_BACK = 0.0012
"""Metres that each row of the lining stays behind the one before it, at least."""
