"""ICT-FaceKit (MIT; light-stage scans of real people) as a HeadModel: ARKit-named expressions, jaw as a joint.

The kit: R. Li et al., *Learning Formation of Physically-Based Face Attributes*, CVPR 2020.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotag.head import ict_parts as kit
from emotag.head.decimate import decimate
from emotag.head.ict_source import IctSource, read_source
from emotag.head.jaw import Hinge, fit_hinge, hinge_weights
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.regions import scalp
from emotag.head.regress import affine_weights
from emotag.head.surface import boundary_loops, clip, components, edge_graph
from emotag.head.tree import JAW_OPENING_ENTRY

JAW_OPEN = "jawOpen"
MOUTH_CLOSE = "mouthClose"
_LEFT_OUT = (JAW_OPEN, "PupilDilate_L", "PupilDilate_R")
"""The jaw is a joint; the pupils are on the iris, which is not kept."""
_BLINK_LIDS = {"eyeBlink_R": ((37, 38), (41, 40)), "eyeBlink_L": ((43, 44), (47, 46))}
"""iBUG 68: facing points of upper and lower lid."""
_LARGEST_CLOSING = 1.2
_DECIMATION_POSES = (
    (JAW_OPEN,),
    ("eyeBlink_L", "eyeBlink_R"),
    ("mouthSmile_L", "mouthSmile_R"),
    ("mouthPucker",),
    ("browInnerUp_L", "browInnerUp_R", "noseSneer_L", "noseSneer_R"),
)
_JAW_SMOOTHING = 6
_JOINT_REACH = 0.025
"""Metres: how far from a joint the vertices may lie that place it."""
_NECK_JOINT_HEIGHT = 0.75
"""Place of the neck joint along the neck (0 the cut, 1 the skull)."""


@dataclass(frozen=True)
class _Mesh:
    """The kit's mesh after the cut, in metres, still at full resolution."""

    vertices: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    identities: np.ndarray  # (S, V, 3)
    expressions: dict[str, np.ndarray]  # name -> (V, 3)
    parts: kit.Parts


@dataclass(frozen=True)
class IctReport:
    """What the conversion found."""

    jaw_open_radians: float  # jaw_pose[0] that equals jawOpen = 1
    hinge_residual: float  # metres, largest error of the lower teeth under the hinge
    source_vertices: int  # before decimation, after selection


def load_ict(
    path: Path,
    vertices: int,
    identity_modes: int,
) -> tuple[HeadModel, IctReport]:
    """Convert the kit (folder or tar archive). The model's landmarks468 is empty until it is fitted.

    Raises InputError when the kit is missing or damaged.
    """
    return convert(read_source(path, identity_modes), vertices)


def convert(source: IctSource, count: int) -> tuple[HeadModel, IctReport]:
    """Convert the kit to a head of about `count` vertices: kept vertices keep their exact bases."""
    mesh = _cut(source)
    hinge = fit_hinge(
        mesh.vertices[mesh.parts.lower_teeth],
        (mesh.vertices + mesh.expressions[JAW_OPEN])[mesh.parts.lower_teeth],
    )
    skinning = _skinning(mesh, hinge)
    pose_basis, expressions = _jaw_correctives(mesh, hinge, skinning)

    locked = np.zeros(len(mesh.vertices), dtype=bool)
    locked[list(kit.LANDMARKS68)] = True
    poses = [mesh.vertices]
    poses += [mesh.vertices + sum(mesh.expressions[name] for name in names) for names in _DECIMATION_POSES]
    kept, faces = decimate(np.stack(poses), mesh.faces, kit.wanted_length(mesh.vertices, mesh.parts), locked, count)

    vertices = mesh.vertices[kept]
    eyes = [_sphere_centre(mesh.vertices[ids]) for ids in (mesh.parts.left_eye, mesh.parts.right_eye)]
    joints = np.stack((kit.neck_middle(0.0), kit.neck_middle(_NECK_JOINT_HEIGHT), hinge.point, *eyes))
    regions = _regions(mesh, kept, faces, np.mean(eyes, axis=0))
    origin = _head_middle(vertices, regions)
    names = tuple(name for name in sorted(expressions))
    model = HeadModel(
        name="ict-facekit",
        template=_float(vertices - origin),
        shape_basis=_float(mesh.identities[:, kept]),
        expression_basis=_float(np.stack([expressions[name][kept] for name in names])),
        pose_basis=_float(pose_basis[:, kept]),
        joint_regressor=_float(_joint_regressor(vertices, joints, regions)),
        skinning=_float(skinning[kept]),
        faces=torch.from_numpy(faces),
        landmarks68=_vertex_landmarks(faces, np.searchsorted(kept, kit.LANDMARKS68)),
        landmarks468=LandmarkEmbedding(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3)),
        regions={name: torch.from_numpy(ids) for name, ids in regions.items()},
        expression_names=names,
    )
    return model, IctReport(hinge.angle, hinge.residual, len(np.unique(mesh.faces)))


def _float(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _cut(source: IctSource) -> _Mesh:
    cut = clip(kit.selected_faces(source.faces), kit.clip_height(source.neutral))
    vertices = cut.extend(source.neutral)
    origin = np.concatenate((np.arange(len(source.neutral)), cut.edges[:, 0]))
    parts = kit.find_parts(vertices, cut.faces, origin)
    expressions = {}
    for name, displacement in source.expressions.items():
        moved = cut.extend(displacement)
        moved[np.concatenate((parts.left_eye, parts.right_eye))] = 0  # gaze is the eye joints' work
        expressions[name] = moved
    return _Mesh(vertices, cut.faces, cut.extend(source.identities), expressions, parts)


def _skinning(mesh: _Mesh, hinge: Hinge) -> np.ndarray:  # (V, 5)
    parts = mesh.parts
    rigid = np.full(len(mesh.vertices), np.nan)
    rigid[parts.lower_teeth] = 1.0
    rigid[np.concatenate((parts.upper_teeth, parts.left_eye, parts.right_eye))] = 0.0
    graph = edge_graph(mesh.vertices, mesh.faces)
    jaw = hinge_weights(mesh.vertices, mesh.expressions[JAW_OPEN], hinge, graph, rigid, _JAW_SMOOTHING)
    head = np.ones(len(mesh.vertices))
    head[parts.skin] = kit.head_fraction(mesh.vertices[parts.skin])
    weights = np.stack((1 - head, head * (1 - jaw), head * jaw, 0 * head, 0 * head), axis=1)
    weights[parts.left_eye] = (0, 0, 0, 1, 0)
    weights[parts.right_eye] = (0, 0, 0, 0, 1)
    return weights


def _jaw_correctives(
    mesh: _Mesh, hinge: Hinge, skinning: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:  # (36, V, 3), expressions
    """What skinning leaves of jawOpen as a pose corrective, so that the full opening is met exactly.

    mouthClose is the kit's correction *of jawOpen = 1* in the head's frame, so it is turned back into the rest pose
    by each vertex's blended rotation: skinned at the full opening it gives the kit's closed lips.
    """
    weight = skinning[:, 2, None, None]
    blended = weight * hinge.rotation() + (1 - weight) * np.eye(3)
    shift = skinning[:, 2, None] * (hinge.point - hinge.rotation() @ hinge.point)
    opened = mesh.vertices + mesh.expressions[JAW_OPEN]
    corrective = np.linalg.solve(blended, (opened - shift)[..., None])[..., 0] - mesh.vertices
    corrective[np.concatenate((mesh.parts.lower_teeth, mesh.parts.upper_teeth))] = 0  # teeth stay rigid
    basis = np.zeros((36, *mesh.vertices.shape))
    basis[JAW_OPENING_ENTRY] = corrective / np.sin(hinge.angle)

    expressions = {
        name: moved * _closing(mesh, name) for name, moved in mesh.expressions.items() if name not in _LEFT_OUT
    }
    expressions[MOUTH_CLOSE] = np.linalg.solve(blended, expressions[MOUTH_CLOSE][..., None])[..., 0]
    return basis, expressions


def _closing(mesh: _Mesh, name: str) -> float:
    """Factor by which a blink must be stretched for its lids to meet at 1 (the kit leaves a slit to its lashes)."""
    if name not in _BLINK_LIDS:
        return 1.0
    upper, lower = (np.array([kit.LANDMARKS68[index] for index in lid]) for lid in _BLINK_LIDS[name])
    gap = mesh.vertices[upper, 1] - mesh.vertices[lower, 1]
    moved = mesh.expressions[name]
    return float(np.clip((gap / (moved[lower, 1] - moved[upper, 1])).max(), 1.0, _LARGEST_CLOSING))


def _sphere_centre(points: np.ndarray) -> np.ndarray:  # (3,)
    """Centre of the eyeball: least-squares sphere through its back half, which has no cornea."""
    back = points[points[:, 2] < np.median(points[:, 2])]
    system = np.concatenate((2 * back, np.ones((len(back), 1))), axis=1)
    return np.linalg.lstsq(system, (back**2).sum(1), rcond=None)[0][:3]


def _regions(mesh: _Mesh, kept: np.ndarray, faces: np.ndarray, eyes: np.ndarray) -> dict[str, np.ndarray]:
    parts = mesh.parts
    vertices = mesh.vertices[kept]

    def ids(*of: np.ndarray) -> np.ndarray:
        return np.searchsorted(kept, np.intersect1d(kept, np.concatenate(of)))

    skin, ears = ids(parts.skin), ids(parts.ears)
    chin = mesh.vertices[kit.LANDMARKS68[8]]
    hair = scalp(vertices, np.setdiff1d(skin, np.union1d(ears, ids(parts.narrow_face))), eyes, chin)
    neck = skin[kit.head_fraction(vertices[skin]) < 1]
    label = components(faces, len(vertices))
    loops = [loop for loop in boundary_loops(faces) if label[loop[0]] == label[skin[0]]]
    ring = min(loops, key=lambda loop: vertices[loop, 1].mean())
    return {
        "face": ids(parts.narrow_face),
        "lips": ids(parts.lips),
        "mouth_interior": ids(parts.mouth_socket, parts.gums, parts.tongue, parts.upper_teeth, parts.lower_teeth),
        "upper_teeth": ids(parts.upper_teeth),
        "lower_teeth": ids(parts.lower_teeth),
        "tongue": ids(parts.tongue),
        "gums": ids(parts.gums),
        "left_eye": ids(parts.left_eye),
        "right_eye": ids(parts.right_eye),
        "scalp": hair,
        "ears": ears,
        "neck": np.setdiff1d(neck, hair),
        "neck_bottom": ring,
    }


def _head_middle(vertices: np.ndarray, regions: dict[str, np.ndarray]) -> np.ndarray:  # (3,)
    """Middle of the skull's bounding box, chin to crown."""
    skull = np.setdiff1d(np.arange(len(vertices)), regions["neck"])
    return np.array([0.0, *((vertices[skull].min(0) + vertices[skull].max(0)) / 2)[1:]])


def _joint_regressor(
    vertices: np.ndarray,  # (V, 3)
    joints: np.ndarray,  # (5, 3)
    regions: dict[str, np.ndarray],
) -> np.ndarray:  # (5, V)
    """Joints as affine combinations of vertices around them, so that they move with the identity."""
    trunk = regions["neck_bottom"]
    skin = np.setdiff1d(
        np.arange(len(vertices)),
        np.concatenate((regions["mouth_interior"], regions["left_eye"], regions["right_eye"])),
    )
    slab = skin[np.abs(vertices[skin, 1] - joints[1, 1]) < _JOINT_REACH]
    slab = np.intersect1d(slab, regions["neck"])
    flat = np.linalg.norm(vertices[skin, 1:] - joints[2, 1:], axis=1)
    beside = skin[(flat < _JOINT_REACH) & (np.abs(vertices[skin, 0]) > _JOINT_REACH)]
    regressor = np.zeros((5, len(vertices)))
    for joint, ids in enumerate((trunk, slab, beside, regions["left_eye"], regions["right_eye"])):
        regressor[joint, ids] = affine_weights(vertices[ids], joints[joint])
    return regressor


def _vertex_landmarks(faces: np.ndarray, ids: np.ndarray) -> LandmarkEmbedding:
    """Landmarks that are vertices, as corners of a triangle that has them."""
    triangles, weights = [], []
    for vertex in ids:
        triangle, corner = np.argwhere(faces == vertex)[0]
        triangles.append(int(triangle))
        weights.append(np.eye(3)[corner])
    return LandmarkEmbedding(torch.tensor(triangles), _float(np.stack(weights)))
