"""Upper and lower teeth, central incisor to first molar, placed along their arches."""

from dataclasses import dataclass

import numpy as np

from emotag.head.open_head.arch import Arch, fit_arch
from emotag.head.open_head.crowns import Crown, contact_depth, crown_mesh
from emotag.head.open_head.mesh import Mesh, joined

UPPER_EDGE = (0.0, -0.0635, 0.0838)
"""Metres: middle of the upper incisal edges, just above the mouth slit and 7 mm behind its front."""
OVERBITE = 0.0020
OVERJET = 0.0020
"""Metres; both are 2–3 mm in normal occlusion (Proffit, Contemporary Orthodontics)."""
OCCLUSAL_RISE = 0.11
"""Rise of the occlusal plane per metre backwards: 6°, its cant to the Frankfurt plane being 8–10° (Downs 1948)."""

UPPER_CROWNS = (
    Crown("central", 8.5, 7.0, 7.0, 10.5, torque=7.0),
    Crown("lateral", 6.5, 5.0, 6.0, 9.0, torque=3.0, short=0.6),
    Crown("canine", 7.5, 5.5, 8.0, 10.0, torque=-4.0, short=0.3),
    Crown("premolar", 7.0, 5.0, 9.0, 8.5, torque=-5.0, short=0.5),
    Crown("premolar", 7.0, 5.0, 9.0, 8.5, torque=-5.0, short=0.5),
    Crown("molar", 10.0, 8.0, 11.0, 7.5, torque=-6.0, short=0.5),
)
LOWER_CROWNS = (
    Crown("central", 5.0, 3.5, 6.0, 9.0, torque=2.0, short=-2.0),
    Crown("lateral", 5.5, 4.0, 6.5, 9.5, torque=1.0, short=-2.0),
    Crown("canine", 7.0, 5.5, 7.5, 10.5, torque=-6.0, short=-1.9),
    Crown("premolar", 7.0, 5.0, 7.5, 8.5, torque=-12.0, short=0.2),
    Crown("premolar", 7.0, 5.0, 8.0, 8.0, torque=-14.0, short=0.2),
    Crown("molar", 11.0, 9.0, 10.5, 7.5, torque=-18.0, short=0.2),
)
"""Millimetres and degrees. Sizes: Ash & Nelson, Wheeler's Dental Anatomy; torque after Andrews 1972, rounded.
`short` is how far the edge stays from the occlusal plane: lower front teeth cross it by the overbite."""

_UPPER_CANINES, _UPPER_MOLARS = 34.0, 52.0
_LOWER_CANINES, _LOWER_MOLARS = 26.0, 46.0
"""Millimetres between cusps of both sides (Bishara et al. 1997, adults: 34, 52; 26, 46; rounded)."""


@dataclass(frozen=True)
class Tooth:
    """One placed crown. Its frame: along the arch away from the midline, outwards, from the root to the edge."""

    crown: Crown
    arc: float  # metres along the arch from the midline, positive on the left side
    origin: np.ndarray  # (3,) metres: on the arch curve, at the middle of edge or buccal cusps
    axes: np.ndarray  # (3, 3) rows: distal, outward, towards the edge; unit


@dataclass(frozen=True)
class Row:
    """The teeth of one jaw, from the right first molar to the left one."""

    arch: Arch
    teeth: tuple[Tooth, ...]
    upper: bool


def upper_row(edge: tuple[float, float, float] | np.ndarray = UPPER_EDGE) -> Row:
    """Place the upper teeth with the middle of the incisal edges at `edge`, metres."""
    return _row(UPPER_CROWNS, np.asarray(edge), _UPPER_CANINES, _UPPER_MOLARS, upper=True)


def lower_row(
    edge: tuple[float, float, float] | np.ndarray = UPPER_EDGE,  # (3,) metres: the upper incisal edge
    overjet: float = OVERJET,
) -> Row:
    """Place the lower teeth: the labial face of the lower incisors lies `overjet` behind the upper edge."""
    front = np.asarray(edge) - (0.0, 0.0, overjet + _EDGE_HALF_THICKNESS)
    return _row(LOWER_CROWNS, front, _LOWER_CANINES, _LOWER_MOLARS, upper=False)


def teeth(row: Row) -> Mesh:
    """Give the crowns of one jaw, each a closed surface, from the right first molar to the left one."""
    left = [crown_mesh(tooth.crown, tooth.origin, tooth.axes) for tooth in row.teeth if tooth.arc > 0]
    return joined(*(mesh.mirrored() for mesh in reversed(left)), *left)


_EDGE_HALF_THICKNESS = 0.0004
_GAP = 0.00010
"""Metres between neighbours where they nearly touch."""
_MM = 1e-3


def _row(crowns: tuple[Crown, ...], front: np.ndarray, canines: float, molars: float, *, upper: bool) -> Row:
    ends = np.cumsum([crown.width for crown in crowns]) * _MM
    arcs = ends - np.array([crown.width for crown in crowns]) * _MM / 2
    mesial_cusp = ends[-1] - 0.75 * crowns[-1].width * _MM
    arch = fit_arch(front, (arcs[2], canines / 2 * _MM), (mesial_cusp, molars / 2 * _MM), OCCLUSAL_RISE)
    arcs = _packed(arch, crowns)
    points, tangents, normals = arch.frame(arcs)
    left = [_placed(*each, upper=upper) for each in zip(crowns, arcs, points, tangents, normals, strict=True)]
    return Row(arch, (*(_opposite(tooth) for tooth in reversed(left)), *left), upper)


def _packed(arch: Arch, crowns: tuple[Crown, ...]) -> np.ndarray:  # (N,) metres
    """Arc lengths at which each tooth just does not touch the one before it: a bent row is not a straight one."""
    arcs: list[float] = []
    before, arc = np.zeros(3), 0.0
    for index, crown in enumerate(crowns):
        half = crown.width / 2 * _MM
        arc += half + (crowns[index - 1].width / 2 * _MM if index else 0.0)
        for _ in range(_PACKING_STEPS):
            point, tangent, normal = (each[0] for each in arch.frame(np.array([arc])))
            middle = point - contact_depth(crown) * _MM * normal
            direction = tangent if index else np.array([1.0, 0.0, 0.0])
            arc -= (middle - half * tangent - before) @ direction - (_GAP if index else _GAP / 2)
        before = middle + half * tangent
        arcs.append(arc)
    return np.array(arcs)


_PACKING_STEPS = 12
"""Fixed-point steps; each leaves about a tenth of the error."""


def _placed(
    crown: Crown, arc: float, point: np.ndarray, tangent: np.ndarray, normal: np.ndarray, *, upper: bool
) -> Tooth:
    towards_edge = np.array([0.0, -1.0 if upper else 1.0, 0.0])
    angle = np.radians(crown.torque)
    axis = np.cos(angle) * towards_edge + np.sin(angle) * normal
    outward = np.cos(angle) * normal - np.sin(angle) * towards_edge
    return Tooth(crown, float(arc), point - crown.short * _MM * towards_edge, np.stack((tangent, outward, axis)))


def _opposite(tooth: Tooth) -> Tooth:
    flip = np.array([-1.0, 1.0, 1.0])
    return Tooth(tooth.crown, -tooth.arc, tooth.origin * flip, tooth.axes * flip)
