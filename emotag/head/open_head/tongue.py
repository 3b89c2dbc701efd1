"""A tongue at rest: a closed body with a median groove, its tip behind the lower incisors."""

import numpy as np

from emotag.head.open_head.crowns import inner_bulge
from emotag.head.open_head.dental import Row
from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces

GAP = 0.0012
"""Metres between the tongue and the inner faces of the lower teeth."""


def tongue(
    lower: Row,
    back: float = 0.012,  # metres, z: where the root of the tongue ends, out of sight
    lift: float = 0.0,  # metres by which its back is higher than at rest
) -> Mesh:
    """Give the tongue that fills the lower arch; the first vertex is the tip, the last the middle of its root."""
    depths, widths = _inside(lower, back)
    along = (depths[0] - depths) / (depths[0] - back)  # 0 at the tip, 1 at the root
    plane = lower.arch.front[1] + lower.arch.rise * (lower.arch.front[2] - depths)
    top = plane + np.interp(along, _ALONG, _TOP) + lift
    thickness = np.interp(along, _ALONG, _THICKNESS)
    turn = 2 * np.pi * np.arange(_AROUND) / _AROUND
    side = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** _SQUARE
    dome = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** _SQUARE
    groove = np.interp(along, _ALONG, _GROOVE)[:, None] * np.exp(-((side / 0.22) ** 2)) * (dome > 1e-9)

    rings = np.empty((len(depths), _AROUND, 3))
    rings[..., 0] = widths[:, None] * side
    rings[..., 1] = (top - thickness / 2)[:, None] + thickness[:, None] / 2 * dome - groove
    rings[..., 2] = depths[:, None]
    tip = np.array([[0.0, rings[0, :, 1].mean(), depths[0] + _TIP]])
    root = np.array([[0.0, rings[-1, :, 1].mean(), back - 0.002]])
    vertices = np.concatenate((tip, rings.reshape(-1, 3), root))
    ids = 1 + np.arange(rings.shape[0] * _AROUND).reshape(-1, _AROUND)
    faces = (
        fan_faces(ids[0, ::-1], 0),
        grid_faces(ids, closed=True)[:, ::-1],
        fan_faces(ids[-1], len(vertices) - 1),
    )
    return Mesh(vertices, np.concatenate(faces))


_TIP = 0.0012
"""Metres from the first ring to the tip."""
_AROUND = 16
_RINGS = 13
_SQUARE = 0.85  # below 1: cross-sections are squarer than ellipses
_ALONG = (0.0, 0.06, 0.2, 0.45, 0.75, 1.0)
_TOP = (-0.0034, -0.0024, -0.0012, -0.0008, -0.0040, -0.0100)
"""Metres: height of the back over the occlusal plane."""
_THICKNESS = (0.0032, 0.0055, 0.0095, 0.0135, 0.0140, 0.0110)
_GROOVE = (0.0003, 0.0006, 0.0012, 0.0018, 0.0014, 0.0004)
"""Metres."""
_TAPER = (0.70, 0.86, 0.96, 1.0, 1.0, 0.9)
"""Width in widths of the arch's inside: the tip is round."""


def _inside(lower: Row, back: float) -> tuple[np.ndarray, np.ndarray]:
    """Depths of the rings, tip to root, and half the room between the inner faces of the lower teeth there."""
    arcs = np.array([tooth.arc for tooth in lower.teeth if tooth.arc > 0])
    insets = np.array([inner_bulge(tooth.crown) for tooth in lower.teeth if tooth.arc > 0]) * 1e-3
    arc = np.linspace(0, arcs[-1] + 0.006, 200)
    point, _, normal = lower.arch.frame(arc)
    wall = point - (np.interp(arc, arcs, insets) + GAP)[:, None] * normal
    tip = wall[0, 2]
    fractions = np.linspace(0, 1, _RINGS) ** 1.35
    depths = tip - _TIP - fractions * (tip - _TIP - back)
    order = np.argsort(wall[:, 2])
    room = np.interp(depths, wall[order, 2], wall[order, 0])
    return depths, room * np.interp((depths[0] - depths) / (depths[0] - back), _ALONG, _TAPER)
