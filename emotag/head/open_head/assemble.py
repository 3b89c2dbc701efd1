"""The whole open head: skin and parts put together, with what moves them, as a HeadModel."""

import numpy as np
import torch

from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.open_head.anatomy import EYE_CENTRE, EYE_RADIUS, JAW_HINGE, NECK_BASE, NECK_JOINT
from emotag.head.open_head.expressions.all import expression_shapes
from emotag.head.open_head.identity import IDENTITY_MODES, identity_modes
from emotag.head.open_head.jaw_motion import FULL_OPENING, jaw_corrective, jaw_weights
from emotag.head.open_head.landmarks import Embedding, embed68
from emotag.head.open_head.parts import parts
from emotag.head.open_head.regions import head_regions
from emotag.head.open_head.rigging import joint_regressor, skinning
from emotag.head.open_head.sides import lid_sides, mouth_sides
from emotag.head.open_head.skin import Skin, neutral_skin
from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.open_head.uv import head_uvs
from emotag.head.tree import JAW_OPENING_ENTRY

NAME = "open"
INNER_RING = "vestibule"
"""Ring of the skin to which the lining of the mouth is welded."""
_MM = 1e-3


def open_head() -> HeadModel:
    """Make the open head. Deterministic; `landmarks468` is empty until emotag.head.landmark_fit fits it."""
    skin = neutral_skin()
    marks = embed68(skin)
    surface = neutral_surface(skin, marks)
    regions = head_regions(skin, surface)
    expressions = expression_shapes(surface)
    identities = identity_modes(surface)
    pose_basis = np.zeros((36, *surface.vertices.shape))
    pose_basis[JAW_OPENING_ENTRY] = jaw_corrective(surface) / np.sin(FULL_OPENING)
    names = tuple(sorted(expressions))
    return HeadModel(
        name=NAME,
        template=_float(surface.vertices),
        shape_basis=_float(np.stack([identities[name] for name in IDENTITY_MODES])),
        expression_basis=_float(np.stack([expressions[name] for name in names])),
        pose_basis=_float(pose_basis),
        joint_regressor=_float(joint_regressor(surface, regions)),
        skinning=_float(skinning(surface, jaw_weights(surface))),
        faces=torch.from_numpy(surface.faces),
        landmarks68=LandmarkEmbedding(torch.from_numpy(marks.triangles), _float(marks.weights)),
        landmarks468=LandmarkEmbedding(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3)),
        regions={name: torch.from_numpy(ids) for name, ids in regions.items()},
        expression_names=names,
        uvs=_float(head_uvs(skin, surface)),
    )


def neutral_surface(
    skin: Skin,
    marks: Embedding,
) -> HeadSurface:
    """Put the skin and all parts together; the skin's vertices come first."""
    ring = skin.rings[INNER_RING]
    left = np.array(EYE_CENTRE) * _MM
    eyes = np.stack((left, left * (-1, 1, 1)))
    vertices = [skin.points * _MM]
    faces = [skin.faces]
    part = [np.full(len(skin.points), Part.SKIN)]
    start = len(skin.points)
    for kind, mesh in parts(vertices[0][ring], eyes, EYE_RADIUS * _MM):
        welded = len(ring) if kind == Part.SOCKET else 0  # its first vertices are those of the skin's ring
        made = len(mesh.vertices) - welded
        ids = np.concatenate((ring[:welded], start + np.arange(made)))
        vertices.append(mesh.vertices[welded:])
        faces.append(ids[mesh.faces])
        part.append(np.full(made, kind))
        start += made
    points, kinds = np.concatenate(vertices), np.concatenate(part)
    return HeadSurface(
        vertices=points,
        faces=np.concatenate(faces),
        part=kinds,
        landmarks=marks.points(skin) * _MM,
        mouth_side=mouth_sides(skin, points, kinds),
        lid_side=lid_sides(skin, points),
        eye_centres=eyes,
        eye_radius=EYE_RADIUS * _MM,
        jaw_hinge=np.array(JAW_HINGE) * _MM,
        neck_joint=np.array(NECK_JOINT) * _MM,
        neck_base=np.array(NECK_BASE) * _MM,
    )


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
