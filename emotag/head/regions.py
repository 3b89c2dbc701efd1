"""Named regions of a head that follow from its landmarks and proportions."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from emotag.head.model import REGIONS, HeadModel, empty_region
from emotag.head.surface import closed_path, edge_graph, enclosed

OUTER_LIPS = tuple(range(48, 60))
"""iBUG 68: the outer contour of the lips, in order around."""

_HAIRLINE_DEGREES = (0.0, 30.0, 50.0, 62.0, 72.0, 84.0, 96.0, 110.0, 130.0, 155.0, 180.0)
_HAIRLINE_HEIGHT = (0.62, 0.60, 0.52, 0.36, 0.10, 0.10, 0.12, -0.55, -0.72, -0.80, -0.84)
"""Height of the hairline by azimuth from the front, in units of (crown − eyes) above the eyes up to the temples
and of (eyes − chin) below them: forehead, temple, sideburn, over the ear, behind the ear, nape."""


def scalp(
    vertices: np.ndarray,  # (V, 3) metres
    candidates: np.ndarray,  # (N,) vertex ids of the outer skin without ears
    eyes: np.ndarray,  # (3,) middle of the eyes
    chin: np.ndarray,  # (3,)
) -> np.ndarray:  # sorted vertex ids
    """The hair-bearing part: what lies above an ordinary hairline around the head's vertical axis."""
    points = vertices[candidates]
    crown = points[:, 1].max()
    upper = points[points[:, 1] > eyes[1]]
    middle = (upper[:, 2].min() + upper[:, 2].max()) / 2
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - middle))
    line = np.interp(azimuth, _HAIRLINE_DEGREES, _HAIRLINE_HEIGHT)
    line = np.where(line > 0, line * (crown - eyes[1]), line * (eyes[1] - chin[1]))
    return np.sort(candidates[points[:, 1] > eyes[1] + line])


OUTER_LIPS_468 = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
"""Face Mesh: the outer contour of the lips, in order around."""
FACE_OVAL_468 = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Face Mesh: the contour of the face, in order around."""
_NOSE_TIP, _LOWER_LIP_MIDDLE, _CHIN = 1, 15, 152


def eye_framed_face(
    template: Tensor,  # (V, 3)
    left_eye: Tensor,  # vertex ids
    right_eye: Tensor,
) -> Tensor:  # sorted vertex ids
    """A first guess of the face from the eyeballs alone: the proportions of an ordinary face around them."""
    left, right = template[left_eye].mean(0), template[right_eye].mean(0)
    middle, distance = (left + right) / 2, (left - right).norm()
    away = (template - middle) / distance  # in distances of the eyes
    framed = (away[:, 0].abs() < 1.1) & (away[:, 1] > -2.0) & (away[:, 1] < 1.0) & (away[:, 2] > -0.6)
    return torch.nonzero(framed)[:, 0]


def complete(model: HeadModel) -> HeadModel:
    """Give the model with every region of emotag.head.model.REGIONS; those it has stay.

    For a model with eyeballs and Face Mesh landmarks but no (or not all) masks of its own (FLAME).
    """
    vertices = model.template.double().numpy()
    faces = model.faces.numpy()
    graph = edge_graph(vertices, faces)
    near = _landmark_vertices(model)
    found: dict[str, np.ndarray] = {name: ids.numpy() for name, ids in model.regions.items()}
    eyes = np.concatenate((found["left_eye"], found["right_eye"]))
    inner = np.union1d(eyes, found.get("mouth_interior", eyes[:0]))
    skin = np.setdiff1d(np.arange(len(vertices)), inner)

    lips = enclosed(graph, closed_path(graph, near[list(OUTER_LIPS_468)].tolist()), near[[_LOWER_LIP_MIDDLE]])
    found.setdefault("lips", np.setdiff1d(lips, inner))
    face = enclosed(graph, closed_path(graph, near[list(FACE_OVAL_468)].tolist()), near[[_NOSE_TIP]])
    if "scalp" not in found:  # no masks: the face was only guessed
        found["face"] = np.setdiff1d(face, inner)
    middle, chin = vertices[eyes].mean(0), vertices[near[_CHIN]]
    found.setdefault("ears", skin[:0])
    if len(found["ears"]) == 0:
        found["ears"] = _protruding(vertices, np.setdiff1d(skin, found["face"]), middle, chin)
    candidates = np.setdiff1d(skin, np.union1d(found["face"], found["ears"]))
    found.setdefault("scalp", scalp(vertices, candidates, middle, chin))
    below = candidates[vertices[candidates, 1] < chin[1] + _NECK_RISE * (chin[2] - vertices[candidates, 2])]
    found.setdefault("neck", np.setdiff1d(below, found["scalp"]))
    made = {name: torch.from_numpy(found[name]) if name in found else empty_region() for name in REGIONS}
    return replace(model, regions={**model.regions, **made})


_NECK_RISE = 0.25
"""The neck ends on a plane that rises by this much per metre backwards from the chin."""


def _landmark_vertices(model: HeadModel) -> np.ndarray:  # (468,) the heaviest corner of each landmark's triangle
    corners = model.faces[model.landmarks468.triangles]
    heaviest = model.landmarks468.weights.argmax(dim=1, keepdim=True)
    return corners.gather(1, heaviest)[:, 0].numpy()


def _protruding(vertices: np.ndarray, candidates: np.ndarray, eyes: np.ndarray, chin: np.ndarray) -> np.ndarray:
    """The ears: beside the head between eye and mouth height, further out than the skull is at the crown's height."""
    points = vertices[candidates]
    drop = eyes[1] - chin[1]
    skull = np.abs(points[points[:, 1] > eyes[1] + 0.35 * drop][:, 0]).max()
    level = (points[:, 1] < eyes[1] + 0.35 * drop) & (points[:, 1] > eyes[1] - 0.75 * drop)
    return np.sort(candidates[level & (np.abs(points[:, 0]) > skull)])
