"""Teeth for a head that has none (FLAME): two bands behind the lips, as GaussianAvatars (arXiv:2312.02069) has them.

Each band has 15 columns and 4 rows: front at the root, front edge, back edge, back at the root. The upper band turns
with the head, the lower with the jaw; both follow the shape as the mean of the outer lips does, and no expression.
The vertices stand in VHAP's order, so that its per-vertex offsets of a person apply.
"""

from dataclasses import replace

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.head.tree import JOINTS

COLUMNS = 15
ROWS = 4
_UPPER, _LOWER = 0, 1
_ROOT, _EDGE, _BACK_EDGE, _BACK_ROOT = range(ROWS)
_ORDER = (
    (_UPPER, _ROOT), (_LOWER, _ROOT), (_UPPER, _EDGE), (_LOWER, _EDGE),
    (_UPPER, _BACK_ROOT), (_UPPER, _BACK_EDGE), (_LOWER, _BACK_ROOT), (_LOWER, _BACK_EDGE),
)  # fmt: skip
"""VHAP's order of the rows; in each, the columns run from the person's left to the right."""

_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
"""Face Mesh: the outer contours, from the person's right corner of the mouth to the left."""
_SEAM = (13, 14)
"""Face Mesh: inner middle of upper and lower lip."""
_WIDTH = 0.80
"""Width of the bands over that of the mouth."""
_BEHIND_LIPS = 0.0085
_ARCH = 0.016
"""Metres: how far behind the lips the front teeth stand, and how much further the band bends back at its ends."""
_HEIGHT, _THICKNESS = 0.0095, 0.0045
_OVERBITE = 0.0020
"""Metres: the upper edges end this far below the seam of the lips, and the lower begin behind them."""


def add_teeth(model: HeadModel) -> HeadModel:
    """Append the two bands: 120 vertices and 168 faces (FLAME: V = 5143, F = 10144, as VHAP's). Needs landmarks468."""
    place = _places()  # (2, ROWS · COLUMNS): band by band, row by row -> number of the vertex
    count, size = model.n_vertices, place.size
    teeth = np.empty((size, 3))
    teeth[place[_UPPER]] = _band(model, _UPPER_LIP, upwards=True)
    teeth[place[_LOWER]] = _band(model, _LOWER_LIP, upwards=False)
    strip = _band_faces()
    strips = np.concatenate((place[_UPPER][strip], place[_LOWER][strip[:, ::-1]]))

    upper_ids, lower_ids = (torch.from_numpy(np.sort(place[band])) for band in (_UPPER, _LOWER))
    skinning = torch.zeros(size, len(JOINTS)).to(model.skinning)
    skinning[upper_ids, JOINTS.index("neck")] = 1
    skinning[lower_ids, JOINTS.index("jaw")] = 1
    shape = model.shape_basis.new_zeros(model.n_shape, size, 3)
    shape[:, upper_ids], shape[:, lower_ids] = _ring_mean(model, _UPPER_LIP), _ring_mean(model, _LOWER_LIP)
    upper_ids, lower_ids = upper_ids + count, lower_ids + count
    interior = model.regions.get("mouth_interior", upper_ids[:0])
    return replace(
        model,
        template=torch.cat((model.template, torch.from_numpy(teeth).to(model.template))),
        shape_basis=torch.cat((model.shape_basis, shape), dim=1),
        expression_basis=_extended(model.expression_basis, size),
        pose_basis=_extended(model.pose_basis, size),
        joint_regressor=torch.nn.functional.pad(model.joint_regressor, (0, size)),
        skinning=torch.cat((model.skinning, skinning)),
        faces=torch.cat((model.faces, torch.from_numpy(strips + count))),
        regions={
            **model.regions,
            "upper_teeth": upper_ids,
            "lower_teeth": lower_ids,
            "mouth_interior": torch.cat((interior, torch.arange(count, count + size))),
        },
        uvs=None,
    )


def _places() -> np.ndarray:  # (2, ROWS · COLUMNS)
    """Number of each tooth vertex; a band's columns run from the person's right to the left, as _band has them."""
    place = np.empty((2, ROWS, COLUMNS), dtype=np.int64)
    for position, (band, row) in enumerate(_ORDER):
        place[band, row] = position * COLUMNS + np.arange(COLUMNS)[::-1]
    return place.reshape(2, -1)


def _band(model: HeadModel, lip: tuple[int, ...], upwards: bool) -> np.ndarray:  # (ROWS · COLUMNS, 3), row by row
    points = model.landmarks468.points(model.template, model.faces).double().numpy()
    ring, seam = points[list(lip)], points[list(_SEAM), 1].mean()
    length = np.concatenate(([0.0], np.linalg.norm(np.diff(ring, axis=0), axis=1).cumsum()))
    curve = CubicSpline(length / length[-1], ring)(np.linspace(0, 1, COLUMNS))  # (COLUMNS, 3)
    side = np.linspace(-1, 1, COLUMNS)
    middle = curve[:, 0].mean()
    x = middle + _WIDTH * (curve[:, 0] - middle)
    # Upper and lower lips stand out differently; the teeth of both jaws stand one behind the other.
    front = points[list(_UPPER_LIP + _LOWER_LIP), 2].max() - _BEHIND_LIPS
    bend = np.maximum(points[lip[0], 2], points[lip[-1], 2]) - front + _BEHIND_LIPS
    z = front + np.minimum(bend, 0) * side**2 - _ARCH * side**2
    sign = 1.0 if upwards else -1.0
    edge = seam - _OVERBITE
    set_back = 0.0 if upwards else _THICKNESS / 2
    rows = []
    for height, depth in ((_HEIGHT, 0.0), (0.0, 0.0), (0.0, _THICKNESS), (_HEIGHT, _THICKNESS)):
        rows.append(np.stack((x, np.full(COLUMNS, edge + sign * height), z - set_back - depth), axis=1))
    return np.concatenate(rows)


def _band_faces() -> np.ndarray:  # (84, 3), outside counter-clockwise for the upper band; the lower is its mirror
    triangles = []
    for row in range(ROWS - 1):
        for column in range(COLUMNS - 1):
            a = row * COLUMNS + column
            b, c, d = a + 1, a + COLUMNS, a + COLUMNS + 1
            triangles += [(a, c, b), (b, c, d)]
    return np.array(triangles, dtype=np.int64)


def _ring_mean(model: HeadModel, lip: tuple[int, ...]) -> Tensor:  # (S, 1, 3)
    return model.landmarks468.points(model.shape_basis, model.faces)[:, list(lip)].mean(dim=1, keepdim=True)


def _extended(basis: Tensor, rows: int) -> Tensor:
    return torch.cat((basis, basis.new_zeros(len(basis), rows, 3)), dim=1)
