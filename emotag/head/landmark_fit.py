"""Landmarks of a detector as fixed points of a head's surface.

The head is rendered from several sides, as several people with several expressions. The detector marks each picture,
every mark is lifted to the triangle that is seen there, and the lifted points of all pictures are averaged robustly.
The average is taken in one pose in which the lips are apart: on the closed mouth upper and lower lip would mix.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from emotag.errors import InputError
from emotag.head.mesh_render import View, render, vertex_normals
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.portrait import portrait
from emotag.head.surface import nearest_on_surface
from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.landmarks.landmarker import FaceLandmarker
from emotag.perception.landmarks.region import FACE_SCALE, Region

Detector = Callable[[np.ndarray, tuple[float, float, float]], np.ndarray | None]
"""(image (H, W, 3) uint8 RGB, square around the face: x, y, side in pixels) -> (468, 2 or more) pixels, or None."""

_YAWS = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
_PITCHES = (-12.0, 12.0)
_APART = 0.18
"""jaw_pose[0], radians, of the pose in which the points are averaged."""
_LEAST_COSINE = 0.12
"""A point seen at a flatter angle than this (cosine of normal and line of sight) says nothing."""
_SCATTER = 0.004
"""Metres: scale of the Cauchy weights; marks further off count little."""
_LEAST_VIEWS = 4
_HIDDEN_BEHIND = 0.004
"""Metres: a point this far behind what its pixel shows is hidden."""
_PASSES = 3


@dataclass(frozen=True)
class Fit:
    """An embedding and how well the pictures agreed on it."""

    embedding: LandmarkEmbedding
    scatter: np.ndarray  # (L,) metres, median distance of the lifted points from their average
    pictures: int  # with a detected face
    tried: int


def fit_landmarks(
    model: HeadModel,
    detect: Detector,
    heads: int,
    size: int,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Fit:
    """Fit the detector's landmarks to the surface. The 68 points of the model (or none) draw brows and lashes.

    `heads` random identities are shown besides the mean one. Raises InputError when the detector sees no face in half
    of the pictures.
    """
    pictures, total = _take_pictures(model, detect, heads, size, seed, progress)
    if len(pictures) < max(total // 2, _LEAST_VIEWS):
        raise InputError(
            f"the face network found a face in {len(pictures)} of {total} renders of the head '{model.name}'; "
            "check that `head.source` is an undamaged head model"
        )
    faces, skin = model.faces.numpy(), skin_faces(model)
    average_pose = _posed(model, torch.zeros(model.n_shape), torch.zeros(model.n_expression), _APART)
    lifted = np.stack([_on_surface(average_pose, faces[one.triangles], one.weights) for one in pictures])

    # First a mark counts as it is seen itself; then as its average would be seen, which drops marks that a hidden
    # landmark leaves on whatever stands in front of it.
    visibility = np.stack([one.visibility(faces[one.triangles], one.weights) for one in pictures])
    for _ in range(_PASSES):
        points, scatter = _robust_mean(lifted, visibility)
        nearest, barycentric = nearest_on_surface(points, average_pose, faces[skin])
        triangles = skin[nearest]
        visibility = np.stack([one.visibility(faces[triangles], barycentric) for one in pictures])
    embedding = LandmarkEmbedding(torch.from_numpy(triangles), torch.from_numpy(barycentric.astype(np.float32)))
    return Fit(embedding, scatter, len(pictures), total)


@dataclass(frozen=True)
class _Picture:
    """One render and where its marks touch the surface."""

    triangles: np.ndarray  # (L,)
    weights: np.ndarray  # (L, 3)
    vertices: np.ndarray  # (V, 3)
    normals: np.ndarray  # (V, 3)
    view: View
    depth: np.ndarray  # (size, size)

    def visibility(self, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:  # (L,)
        """Cosine of normal and line of sight at surface points; 0 where hidden or too flat."""
        points = _on_surface(self.vertices, corners, weights)
        sight = self.view.position() - points
        sight /= np.linalg.norm(sight, axis=1, keepdims=True)
        cosine = (_on_surface(self.normals, corners, weights) * sight).sum(1)
        projected = self.view.project(points)
        columns, rows = np.clip(projected[:, :2].astype(int), 0, self.view.size - 1).T
        seen = projected[:, 2] < self.depth[rows, columns] + _HIDDEN_BEHIND
        return np.where(seen & (cosine > _LEAST_COSINE), cosine, 0)


def _take_pictures(
    model: HeadModel, detect: Detector, heads: int, size: int, seed: int, progress: Callable[[], None]
) -> tuple[list[_Picture], int]:  # pictures with a face, number tried
    generator = torch.Generator().manual_seed(seed)
    faces, skin = model.faces.numpy(), skin_faces(model)
    paint = portrait(model, _template_landmarks(model))
    sides = [(yaw, pitch) for yaw in _YAWS for pitch in _PITCHES]
    total = pictures_of(heads)
    pictures: list[_Picture] = []
    for head in range(heads + 1):
        shape = torch.zeros(model.n_shape) if head == 0 else torch.randn(model.n_shape, generator=generator)
        expression, jaw = _random_expression(model, generator, neutral=head == 0)
        vertices = _posed(model, shape, expression, jaw)
        normals = vertex_normals(vertices, faces)
        for yaw, pitch in sides:
            view = _view(model, vertices, yaw, pitch, size)
            image, raster = render(vertices, faces, paint, view)
            marks = detect(image, _face_box(model, view.project(vertices)))
            progress()
            if marks is not None:
                at = _pixels(marks, np.isin(raster.triangles, skin))
                touched = raster.triangles[at], raster.weights[at].astype(np.float64)
                pictures.append(_Picture(*touched, vertices, normals, view, raster.depth))
    return pictures, total


def pictures_of(heads: int) -> int:
    """How many pictures `fit_landmarks` takes: the length of its progress."""
    return (heads + 1) * len(_YAWS) * len(_PITCHES)


def landmark_detector(landmarker: FaceLandmarker, least_score: float = 0.5) -> Detector:
    """Give a landmarker of the landmarks stage as the detector that `fit_landmarks` wants."""

    def detect(image: np.ndarray, box: tuple[float, float, float]) -> np.ndarray | None:
        x, y, side = box
        centre = np.array([x + side / 2, y + side / 2])
        points, score = landmarker.detect(image, Region(centre, FACE_SCALE * side, 0.0))
        return points if score > least_score else None

    return detect


def with_landmarks(model: HeadModel, embedding: LandmarkEmbedding) -> HeadModel:
    """Give the model with these Face Mesh landmarks; a model without 68 landmarks takes them from these."""
    landmarks68 = model.landmarks68
    if len(landmarks68.triangles) == 0:
        chosen = torch.from_numpy(IBUG68)
        landmarks68 = LandmarkEmbedding(embedding.triangles[chosen], embedding.weights[chosen])
    return replace(model, landmarks68=landmarks68, landmarks468=embedding)


def skin_faces(model: HeadModel) -> np.ndarray:  # (N,) indices of faces
    """Triangles of the outer skin that can bear a landmark: none of mouth interior, eyeballs, ears."""
    inner = torch.zeros(model.n_vertices, dtype=torch.bool)
    for name in ("mouth_interior", "left_eye", "right_eye", "ears"):
        inner[model.regions[name]] = True
    return torch.nonzero(~inner[model.faces].any(1))[:, 0].numpy()


def _posed(model: HeadModel, shape: torch.Tensor, expression: torch.Tensor, jaw: float) -> np.ndarray:  # (V, 3)
    zero = torch.zeros(1, 3)
    jaw_pose = torch.tensor([[jaw, 0.0, 0.0]])
    vertices = model.vertices(shape, expression[None], jaw_pose, zero, torch.zeros(1, 6), zero, zero)
    return vertices[0].double().numpy()


def _random_expression(model: HeadModel, generator: torch.Generator, neutral: bool) -> tuple[torch.Tensor, float]:
    """Mild: a named shape here and there, or half the usual spread of anonymous ones; the jaw a little open."""
    jaw = _APART * (0.3 + 0.7 * float(torch.rand((), generator=generator)))
    if neutral:
        return torch.zeros(model.n_expression), jaw
    if not model.expression_names:
        return 0.5 * torch.randn(model.n_expression, generator=generator), jaw
    strength = 0.5 * torch.rand(model.n_expression, generator=generator)
    chosen = torch.rand(model.n_expression, generator=generator) < 0.1
    usable = torch.tensor([not name.startswith(("eye", "mouthClose", "mouthRoll")) for name in model.expression_names])
    return torch.where(chosen & usable, strength, torch.zeros(())), jaw


def _view(model: HeadModel, vertices: np.ndarray, yaw: float, pitch: float, size: int) -> View:
    face = vertices[model.regions["face"].numpy()]
    low, high = face.min(0), face.max(0)
    target = (low + high) / 2
    return View(
        np.radians(yaw), np.radians(pitch), (target[0], target[1], target[2]), 1.0, 2.0 * (high - low).max(), size
    )


def _face_box(model: HeadModel, projected: np.ndarray) -> tuple[float, float, float]:
    face = projected[model.regions["face"].numpy(), :2]
    low, high = face.min(0), face.max(0)
    side = float((high - low).max())
    x, y = (low + high) / 2 - side / 2
    return float(x), float(y), side


def _template_landmarks(model: HeadModel) -> np.ndarray | None:
    if len(model.landmarks68.triangles) == 0:
        return None
    return model.landmarks68.points(model.template, model.faces).double().numpy()


def _pixels(marks: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # rows, columns
    """The pixel of each mark, or the nearest one that shows skin."""
    height, width = skin.shape
    columns = np.clip(marks[:, 0].astype(int), 0, width - 1)
    rows = np.clip(marks[:, 1].astype(int), 0, height - 1)
    nearest = distance_transform_edt(~skin, return_distances=False, return_indices=True)
    return nearest[0][rows, columns], nearest[1][rows, columns]


def _on_surface(values: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (values[corners] * weights[..., None]).sum(1)


def _robust_mean(
    points: np.ndarray,  # (K, L, 3)
    weights: np.ndarray,  # (K, L)
) -> tuple[np.ndarray, np.ndarray]:  # (L, 3), (L,)
    """Iteratively reweighted mean with Cauchy weights, from the weighted median; and the median distance from it."""
    lacking = weights.sum(0) == 0
    weights = np.where(lacking, 1.0, weights)
    mean = np.stack([_weighted_median(points[..., axis], weights) for axis in range(3)], axis=-1)
    for _ in range(20):
        square = ((points - mean) ** 2).sum(-1)
        total = weights / (1 + square / _SCATTER**2)
        mean = (points * total[..., None]).sum(0) / total.sum(0)[:, None]
    distance = np.linalg.norm(points - mean, axis=-1)
    return mean, _weighted_median(distance, weights)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:  # (L,)
    order = values.argsort(0)
    cumulative = np.take_along_axis(weights, order, 0).cumsum(0)
    middle = (cumulative < cumulative[-1] / 2).sum(0)
    return np.take_along_axis(values, order, 0)[middle, np.arange(values.shape[1])]
