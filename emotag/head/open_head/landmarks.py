"""The 68 landmarks of the iBUG scheme on the open head's skin."""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.skin import Skin
from emotag.head.surface import nearest_on_surface

MIRROR68 = np.array([
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])  # fmt: skip
"""The landmark on the other side."""

_ON_SKIN: dict[int, tuple[float, float, float]] = {  # millimetres; the nearest skin is taken
    8: (0, -104.5, 82), 9: (15, -101.5, 80), 10: (30, -97.5, 66), 11: (43.5, -90, 51), 12: (56, -73.5, 39),
    13: (64, -52, 30), 14: (68, -33, 23), 15: (71, -14, 17), 16: (72, 8, 14.5),
    22: (11.5, 30.5, 87), 23: (24, 33.5, 84), 24: (37.5, 34.5, 77), 25: (49.5, 31, 67), 26: (58, 23, 57),
    27: (0, 9, 87), 28: (0, -2.5, 93.6), 29: (0, -12.5, 101), 30: (0, -25, 109),
    33: (0, -40.5, 94), 34: (6, -40.3, 92), 35: (12.5, -40.3, 87.5),
}  # fmt: skip
_ON_RING: dict[int, tuple[str, tuple[float, float, float]]] = {  # the ring's nearest vertex is taken
    42: ("left/lash line", (17.5, 3.6, 68)), 43: ("left/lash line", (27.5, 11.6, 72)),
    44: ("left/lash line", (38.5, 10.7, 70)), 45: ("left/lash line", (45.8, 5.8, 64)),
    46: ("left/lash line", (38.5, 2.0, 70)), 47: ("left/lash line", (27.5, 1.5, 72)),
    51: ("vermilion border", (0, -53, 96)), 52: ("vermilion border", (7, -52, 96)),
    53: ("vermilion border", (17, -56.5, 90)), 54: ("vermilion border", (25.4, -63.8, 79.4)),
    55: ("vermilion border", (17.5, -70, 87)), 56: ("vermilion border", (10, -72, 91)),
    57: ("vermilion border", (0, -72.8, 92.8)), 62: ("slit", (0, -62, 93.6)), 63: ("slit", (10, -61.5, 90.5)),
    64: ("slit", (24.2, -63.9, 78.4)), 65: ("slit", (10, -62.5, 90.5)), 66: ("slit", (0, -62.4, 93.6)),
}  # fmt: skip


@dataclass(frozen=True)
class Embedding:
    """Points fixed to the skin."""

    triangles: np.ndarray  # (68,) index into the skin's faces
    weights: np.ndarray  # (68, 3) barycentric

    def points(self, skin: Skin) -> np.ndarray:  # (68, 3) millimetres
        """Give the landmarks on the neutral skin."""
        return (skin.points[skin.faces[self.triangles]] * self.weights[..., None]).sum(1)


def embed68(skin: Skin) -> Embedding:
    """Place the landmarks, mirror-symmetrically."""
    triangles, weights = np.zeros(68, dtype=np.int64), np.zeros((68, 3))
    half = skin.faces[: skin.half_faces]
    outer = np.flatnonzero(~np.isnan(skin.rays[half]).any((1, 2)))
    on_middle = skin.points[half[outer], 0] == 0  # (N, 3)
    for mark, target in _ON_SKIN.items():
        allowed = outer if target[0] > 0 else outer[on_middle.sum(1) == 2]
        nearest, place = nearest_on_surface(np.array([target], dtype=float), skin.points, half[allowed])
        triangles[mark], weights[mark] = allowed[nearest[0]], place[0]
        if target[0] == 0:
            weights[mark] *= skin.points[half[triangles[mark]], 0] == 0
            weights[mark] /= weights[mark].sum()
    for mark, (name, target) in _ON_RING.items():
        ring = skin.rings[name]
        upper = ring[_side(skin, name, mark)]
        vertex = upper[np.linalg.norm(skin.points[upper] - target, axis=1).argmin()]
        triangle, corner = np.argwhere(half == vertex)[0]
        triangles[mark], weights[mark] = triangle, np.eye(3)[corner]
    for mark in {*_ON_SKIN, *_ON_RING}:
        if MIRROR68[mark] != mark:
            triangles[MIRROR68[mark]] = triangles[mark] + skin.half_faces
            weights[MIRROR68[mark]] = weights[mark][::-1]
    return Embedding(triangles, weights)


def _side(skin: Skin, name: str, mark: int) -> np.ndarray:
    """Which part of the slit a landmark of the inner lips may take: the rings of both lips touch there."""
    count = len(skin.rings[name])
    if name != "slit":
        return np.arange(count)
    half = count // 2  # the ring starts at the upper midline, runs along the left half and back on the right
    lower = mark in (65, 66)
    return np.arange(half // 2 + 1, half + 1) if lower else np.arange(half // 2 + 1)
