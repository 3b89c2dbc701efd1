"""What is kept of ICT-FaceKit's mesh, where it is cut, and how dense each part is."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from emotag.head.regions import OUTER_LIPS
from emotag.head.surface import closed_path, edge_graph, enclosed

FACE = slice(0, 9409)
NARROW_FACE = slice(0, 6706)
SKIN = slice(0, 11248)
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
GUMS_AND_TONGUE = slice(14062, 17039)
UPPER_TEETH = slice(17039, 19247)
LOWER_TEETH = slice(19247, 21451)
LEFT_EYEBALL = slice(21451, 22221)  # the outer shell (sclera and cornea); the iris lies inside and is left out
RIGHT_EYEBALL = slice(23021, 23791)
_TONGUE_FROM = 16350
"""Within the gums' range the tongue comes last, together with the uvula far behind it."""
_TONGUE_FRONT = 0.03
"""Metres (the kit's z): the tongue is in front of this, the uvula behind."""

LANDMARKS68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518,
    5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""Vertex ids of the iBUG 68 landmarks (they start at the person's right ear)."""

_NECK_CUT = ((-0.133, 0.030), (-0.108, -0.070))
"""The neck ends in the plane through these (y, z), metres, front and back: the shoulders are left out."""
_HEAD_FROM = ((-0.085, 0.045), (-0.045, -0.080))
"""Above the plane through these (y, z) the skin follows the skull: under the chin, under the occiput."""
_UPPER_GUM_LINE = -0.020
_LOWER_GUM_LINE = -0.045
"""Metres (y): the roots beyond are hidden in the gums and are cut off."""


def selected_faces(faces: np.ndarray) -> np.ndarray:  # (F', 3)
    """Faces of skin, mouth, teeth and eyeballs, and the first row of the eye sockets: the lids' inner edge."""
    part = np.zeros(int(faces.max()) + 1, dtype=np.int8)
    part[SKIN] = part[MOUTH_SOCKET] = 1
    for kept in (GUMS_AND_TONGUE, UPPER_TEETH, LOWER_TEETH, LEFT_EYEBALL, RIGHT_EYEBALL):
        part[kept] = 1
    part[EYE_SOCKETS] = 2
    labels = part[faces]
    return faces[(labels > 0).all(1) & (labels == 1).any(1)]


def clip_height(neutral: np.ndarray) -> np.ndarray:  # (V,) kept where positive
    """Signed distance to where each part is cut: the neck's plane, the teeth's gum lines."""
    height = np.ones(len(neutral))
    height[SKIN] = _above(neutral[SKIN], _NECK_CUT)
    height[UPPER_TEETH] = _UPPER_GUM_LINE - neutral[UPPER_TEETH, 1]
    height[LOWER_TEETH] = neutral[LOWER_TEETH, 1] - _LOWER_GUM_LINE
    return height


def head_fraction(points: np.ndarray) -> np.ndarray:  # (V,) in [0, 1]
    """How much a vertex follows the skull rather than the trunk: a smooth step up the neck."""
    low, high = _above(points, _NECK_CUT), -_above(points, _HEAD_FROM)
    ratio = np.clip(np.maximum(low, 0) / np.maximum(low + high, 1e-6), 0, 1)
    ratio = np.where(high <= 0, 1.0, ratio)
    return ratio * ratio * (3 - 2 * ratio)


def neck_middle(height: float) -> np.ndarray:  # (3,)
    """A point on the neck's axis: 0 at the cut, 1 where the skull begins."""
    low, high = np.mean(_NECK_CUT, axis=0), np.mean(_HEAD_FROM, axis=0)
    return np.array([0.0, *(low + height * (high - low))])


def _above(points: np.ndarray, line: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    (front_y, front_z), (back_y, back_z) = line
    slope = (front_y - back_y) / (front_z - back_z)
    return (points[:, 1] - front_y - slope * (points[:, 2] - front_z)) / np.hypot(1.0, slope)


@dataclass(frozen=True)
class Parts:
    """Vertex ids by part, on the cut mesh."""

    skin: np.ndarray
    lips: np.ndarray
    lids: np.ndarray  # the border of skin and eye sockets
    mouth_socket: np.ndarray
    gums: np.ndarray
    tongue: np.ndarray
    upper_teeth: np.ndarray
    lower_teeth: np.ndarray
    left_eye: np.ndarray
    right_eye: np.ndarray
    ears: np.ndarray
    narrow_face: np.ndarray


def find_parts(
    vertices: np.ndarray,  # (V, 3) of the cut mesh
    faces: np.ndarray,  # (F, 3)
    origin: np.ndarray,  # (V,) id in the kit that each vertex comes from (for a new one: an end of its edge)
) -> Parts:
    """Tell the parts apart by the kit's ranges, and lips, lids and ears by the surface."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True

    def within(part: slice) -> np.ndarray:
        return np.flatnonzero(used & (origin >= part.start) & (origin < part.stop))

    graph = edge_graph(vertices, faces)
    ring = closed_path(graph, [LANDMARKS68[index] for index in OUTER_LIPS])
    socket = within(MOUTH_SOCKET)
    lips = np.setdiff1d(enclosed(graph, ring, socket), socket)
    eye_socket = within(EYE_SOCKETS)
    touching = faces[np.isin(faces, eye_socket).any(1)]
    lids = np.setdiff1d(touching, eye_socket)
    gums = within(GUMS_AND_TONGUE)
    tongue = gums[(origin[gums] >= _TONGUE_FROM) & (vertices[gums, 2] > _TONGUE_FRONT)]
    skin = np.union1d(within(SKIN), eye_socket)
    return Parts(
        skin=skin,
        lips=np.intersect1d(lips, skin),
        lids=lids,
        mouth_socket=socket,
        gums=np.setdiff1d(gums, tongue),
        tongue=tongue,
        upper_teeth=within(UPPER_TEETH),
        lower_teeth=within(LOWER_TEETH),
        left_eye=within(LEFT_EYEBALL),
        right_eye=within(RIGHT_EYEBALL),
        ears=_ears(vertices, within(FACE)),
        narrow_face=within(NARROW_FACE),
    )


_EAR_BOX = ((0.0745, -0.028, -0.030), (0.110, 0.043, 0.017))
"""Metres: smallest and largest |x|, y, z of the ear."""


def _ears(vertices: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    points = np.abs(vertices[candidates] * (1, 0, 0)) + vertices[candidates] * (0, 1, 1)
    low, high = np.array(_EAR_BOX)
    return candidates[((points > low) & (points < high)).all(1)]


_LENGTHS = {
    "mouth_socket": 0.0095,
    "gums": 0.0040,
    "tongue": 0.0065,
    "upper_teeth": 0.0030,
    "lower_teeth": 0.0030,
    "left_eye": 0.0065,
    "right_eye": 0.0065,
    "ears": 0.0050,
}
"""Wanted edge length by part, metres. Only the ratios matter: decimation stops at a number of vertices."""
_FINEST, _GROWTH, _FACE_LENGTH = 0.0014, 0.16, 0.0048
"""On the face: length at lips and lids, growth per metre of distance from them, and the upper limit."""
_HEAD_GROWTH, _HEAD_LENGTH = 0.14, 0.0130
"""The same beyond the face, towards the back of the head and down the neck."""
_IRIS_RADIUS, _IRIS_LENGTH = 0.0075, 0.0022
_BACK_TEETH, _BACK_TEETH_LENGTH = 0.075, 0.0050
_BACK_GUMS, _BACK_GUMS_LENGTH = 0.060, 0.0090
"""Teeth and gums behind this z (metres) are seldom seen and are coarser."""


def wanted_length(
    vertices: np.ndarray,  # (V, 3)
    parts: Parts,
) -> np.ndarray:  # (V,) metres
    """Wanted edge length everywhere: fine at lips, lids and iris, coarse at the back of the head."""
    length = np.full(len(vertices), _HEAD_LENGTH)
    skin = vertices[parts.skin]
    fine = cKDTree(vertices[np.concatenate((parts.lips, parts.lids))]).query(skin)[0]
    face = cKDTree(vertices[parts.narrow_face]).query(skin)[0]
    near = np.minimum(_FINEST + _GROWTH * fine, _FACE_LENGTH)
    length[parts.skin] = np.minimum(near + _HEAD_GROWTH * face, _HEAD_LENGTH)
    for name, value in _LENGTHS.items():
        ids = getattr(parts, name)
        length[ids] = np.minimum(length[ids], value)
    for eye in (parts.left_eye, parts.right_eye):
        front = vertices[eye[vertices[eye, 2].argmax()]]
        iris = eye[np.linalg.norm(vertices[eye] - front, axis=1) < _IRIS_RADIUS]
        length[iris] = _IRIS_LENGTH
    teeth = np.concatenate((parts.upper_teeth, parts.lower_teeth))
    length[teeth[vertices[teeth, 2] < _BACK_TEETH]] = _BACK_TEETH_LENGTH
    length[parts.gums[vertices[parts.gums, 2] < _BACK_GUMS]] = _BACK_GUMS_LENGTH
    return length
