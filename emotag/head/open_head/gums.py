"""Gums: a band along each arch with a scalloped margin around the necks of the teeth, and a simple palate."""

import numpy as np

from emotag.head.open_head.crowns import ANTERIOR, inner_bulge, outer_bulge
from emotag.head.open_head.dental import Row, Tooth
from emotag.head.open_head.mesh import Mesh, grid_faces

PAPILLA = 0.50
"""Height of the papilla between two teeth, in crown heights (Tarnow et al. 1992: it fills nearly half of the crown)."""


def gums(
    row: Row,
    upper_vault: float = 0.009,  # metres that the palate rises above the necks of the teeth, in the middle
) -> Mesh:
    """Give the gum of one jaw, and over the upper teeth the hard palate.

    An open surface that looks into the mouth: its border, deep in the vestibule and behind the molars, is hidden by the
    lining of the mouth. Symmetric about x = 0.
    """
    sections = [_section(row, *each) for each in _stations(row)]
    outline = np.array(sections)  # (C, P, 3): along the arch from right to left; from the vestibule over the margin
    if not row.upper:
        return _sheet(outline, upper=False)
    return _sheet(np.concatenate((outline, _palate(outline, upper_vault)), axis=1), upper=True)


_MM = 1e-3
_BEHIND = (3.0, 8.0)
"""Millimetres behind the last tooth where the ridge goes on without one."""


def _stations(row: Row) -> list[tuple[float, Tooth, float, float]]:
    """Where the band is sampled: arc length, tooth, how interdental (0–1), how far behind the last tooth (0–1)."""
    left: list[tuple[float, Tooth, float, float]] = []
    for tooth in (each for each in row.teeth if each.arc > 0):
        half = tooth.crown.width / 2 * _MM
        steps = (-0.5, 0.0, 0.5) if tooth.crown.kind in ANTERIOR else (-0.35, 0.35)
        left += [(tooth.arc + step * 2 * half * 0.62, tooth, 0.25 * abs(step) / 0.5, 0.0) for step in steps]
        left.append((tooth.arc + half, tooth, 1.0, 0.0))
    end, last = left[-1][0], left[-1][1]
    left += [(end + behind * _MM, last, 0.3, behind / _BEHIND[-1]) for behind in _BEHIND]
    middle = (0.0, left[0][1], 1.0, 0.0)
    right = [(-arc, _mirror_tooth(row, tooth), between, behind) for arc, tooth, between, behind in reversed(left)]
    return [*right, middle, *left]


def _mirror_tooth(row: Row, tooth: Tooth) -> Tooth:
    return row.teeth[len(row.teeth) - 1 - row.teeth.index(tooth)]


def _section(row: Row, arc: float, tooth: Tooth, between: float, behind: float) -> np.ndarray:  # (P, 3)
    """Cross-section of the band, from the vestibule outside to the inside, in the frame of the arch."""
    crown = tooth.crown
    point, _, normal = (each[0] for each in row.arch.frame(np.array([arc])))
    to_root = np.array([0.0, 1.0 if row.upper else -1.0, 0.0])
    lean = -np.tan(np.radians(crown.torque))  # outwards per step towards the root
    outer, inner = outer_bulge(crown), inner_bulge(crown)
    middle, half = (outer - inner) / 2, (outer + inner) / 2
    half *= 1.0 - 0.45 * behind
    neck = crown.short + crown.height
    margin = neck - PAPILLA * crown.height * between - 0.8 * (1 - between)
    pinch = 0.30 * between  # the papilla is narrower than the teeth beside it
    # Rows: outwards from the tooth's middle in half depths plus millimetres, height above the edge in millimetres.
    profile = np.array([
        (middle + half + 0.2, neck + 7.0),
        (middle + half + 0.9, neck + 4.0),
        (middle + half + 0.9 - 0.5 * between, neck + 1.3),
        (middle + half * (1 - pinch) - 0.35, margin),
        (middle, margin + 0.8 * (1 - behind)),
        (middle - half * (1 - pinch) + 0.35, margin),
        (middle - half - 1.0, neck + 1.5),
        (middle - half - 2.2, neck + 5.5),
    ])  # fmt: skip
    outwards = profile[:, 0] + lean * profile[:, 1]
    return point + _MM * (outwards[:, None] * normal + profile[:, 1:] * to_root)


_PALATE_STEPS = (0.45, 1.0)


def _palate(outline: np.ndarray, vault: float) -> np.ndarray:  # (C, 2, 3)
    """Rows from the inner gum towards the midline; opposite points of the last row coincide there."""
    inner = outline[:, -1]
    opposite = inner[::-1] * (-1.0, 1.0, 1.0)
    assert np.allclose(inner, opposite)
    front = inner[:, 2].max()
    rows = []
    for step in _PALATE_STEPS:
        row = inner * (1.0 - step, 1.0, 1.0)
        depth = np.clip((front - inner[:, 2]) / _VAULT_RUN, 0.0, 1.0)
        row[:, 1] += vault * np.sin(step * np.pi / 2) * np.sqrt(depth)
        rows.append(row)
    return np.stack(rows, axis=1)


_VAULT_RUN = 0.020
"""Metres behind the incisors over which the palate rises."""


def _sheet(points: np.ndarray, *, upper: bool) -> Mesh:
    """Triangulate sections side by side; the palate's last row is folded on itself along the midline."""
    columns, rows = points.shape[:2]
    ids = np.arange(columns * rows).reshape(columns, rows)
    if upper:
        ids[:, -1] = np.minimum(ids[:, -1], ids[::-1, -1])
    faces = grid_faces(ids.T)
    used, inverse = np.unique(faces, return_inverse=True)
    faces = inverse.reshape(faces.shape)
    vertices = points.reshape(-1, 3)[used]
    return Mesh(vertices, faces if upper else faces[:, ::-1].copy())
