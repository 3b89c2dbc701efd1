"""A small synthetic head for the tests of tracking and geometry: an ellipsoid, eyes, a jaw, named expressions."""

import numpy as np
import pytest
import torch

from emotag.head.model import HeadModel, LandmarkEmbedding

SEMI_AXES = np.array([0.075, 0.11, 0.09])  # metres
COLUMNS, ROWS = 40, 36
NAMES = ("browInnerUp", "eyeBlink_L", "eyeBlink_R", "mouthPucker", "mouthSmile_L", "mouthSmile_R")
BUMPS = {  # centre on the face (x, y), direction, width; metres
    "browInnerUp": ((0.0, 0.05), (0, 0.008, 0.002), 0.02),
    "eyeBlink_L": ((0.032, 0.028), (0, -0.008, 0.001), 0.008),
    "eyeBlink_R": ((-0.032, 0.028), (0, -0.008, 0.001), 0.008),
    "mouthPucker": ((0.0, -0.045), (0, 0, 0.01), 0.02),
    "mouthSmile_L": ((0.028, -0.04), (0.008, 0.006, -0.003), 0.012),
    "mouthSmile_R": ((-0.028, -0.04), (-0.008, 0.006, -0.003), 0.012),
}


def _ellipsoid(centre: np.ndarray, axes: np.ndarray, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    polar, around = np.meshgrid(np.linspace(0.02, np.pi - 0.02, rows), np.arange(columns) / columns * 2 * np.pi)
    unit = np.stack((np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)), axis=-1)
    index = np.arange(columns * rows).reshape(columns, rows)
    a, b = index[:, :-1], np.roll(index, -1, axis=0)[:, :-1]
    c, d = np.roll(index, -1, axis=0)[:, 1:], index[:, 1:]
    faces = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, d, c), (a, c, b))])
    return (centre + unit * axes).reshape(-1, 3), faces


def _nearest_on_front(vertices: np.ndarray, faces: np.ndarray, wanted: np.ndarray) -> LandmarkEmbedding:
    """Embed points given by (x, y) on the front of the surface."""
    corners = vertices[faces]
    front = np.flatnonzero(corners[..., 2].min(axis=1) > 0)
    triangles, weights = [], []
    for point in wanted:
        a, b, c = (corners[front, i, :2] for i in range(3))
        matrix = np.stack((b - a, c - a), axis=-1)
        local = np.linalg.solve(matrix + 1e-12 * np.eye(2), (point - a)[..., None])[..., 0]
        bary = np.stack((1 - local.sum(-1), local[:, 0], local[:, 1]), axis=-1)
        best = bary.min(axis=1).argmax()
        weight = np.clip(bary[best], 0, None)
        triangles.append(front[best])
        weights.append(weight / weight.sum())
    return LandmarkEmbedding(torch.tensor(np.array(triangles)), torch.tensor(np.array(weights), dtype=torch.float32))


def make_head(seed: int = 0) -> HeadModel:
    rng = np.random.default_rng(seed)
    vertices, faces = _ellipsoid(np.zeros(3), SEMI_AXES, COLUMNS, ROWS)
    skull = len(vertices)
    regions = {}
    for side, name in ((1, "left_eye"), (-1, "right_eye")):
        ball, ball_faces = _ellipsoid(np.array([side * 0.032, 0.028, 0.068]), np.full(3, 0.012), 10, 9)
        regions[name] = torch.arange(len(vertices), len(vertices) + len(ball))
        faces = np.concatenate((faces, ball_faces + len(vertices)))
        vertices = np.concatenate((vertices, ball))
    count = len(vertices)

    skin = np.zeros((count, 5))
    jaw = 1 / (1 + np.exp((vertices[:, 1] + 0.05) / 0.006)) / (1 + np.exp(-vertices[:, 2] / 0.01))
    skin[:, 1], skin[:, 2] = 1 - jaw, jaw
    neck = 1 / (1 + np.exp((vertices[:, 1] + 0.09) / 0.005)) * 0.5
    skin[:, 0], skin[:, 1] = neck * skin[:, 1], (1 - neck) * skin[:, 1]
    for joint, name in ((3, "left_eye"), (4, "right_eye")):
        skin[regions[name]] = np.eye(5)[joint]

    joints = np.zeros((5, count))
    joints[0, np.argmin(vertices[:, 1])] = 1
    joints[1, :skull] = 1 / skull
    ears = np.argsort(np.abs(vertices[:skull] - [0, -0.02, 0.0]) @ [0, 1, 1])[:8]
    joints[2, ears] = 1 / len(ears)
    joints[3, regions["left_eye"]] = 1 / len(regions["left_eye"])
    joints[4, regions["right_eye"]] = 1 / len(regions["right_eye"])

    def smooth_field(scale: float) -> np.ndarray:
        wave = rng.normal(size=(4, 3)) * 12
        phase = vertices @ wave.T + rng.uniform(0, 6.28, 4)
        return np.sin(phase) @ rng.normal(size=(4, 3)) * scale

    shape = np.stack([vertices * row for row in np.diag([0.04, 0.04, 0.04])] + [smooth_field(6e-4) for _ in range(5)])
    expression = np.zeros((len(NAMES), count, 3))
    for row, name in enumerate(NAMES):
        centre, direction, width = BUMPS[name]
        distance = np.linalg.norm(vertices[:skull, :2] - centre, axis=1)
        bump = np.exp(-0.5 * (distance / width) ** 2) * (vertices[:skull, 2] > 0)
        expression[row, :skull] = bump[:, None] * direction
    pose = np.zeros((36, count, 3))
    pose[9 * 1 + 5, :skull] = 0.003 * jaw[:skull, None] * np.array([0, 1, 1])  # a corrective of the jaw

    wanted = rng.uniform([-0.055, -0.085], [0.055, 0.07], size=(468, 2))
    wanted[33], wanted[263] = (-0.045, 0.028), (0.045, 0.028)
    dense = _nearest_on_front(vertices, faces, wanted)
    from emotag.perception.landmarks.ibug68 import IBUG68

    index = torch.as_tensor(IBUG68)
    sparse = LandmarkEmbedding(dense.triangles[index], dense.weights[index])

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32)

    return HeadModel(
        "synthetic", tensor(vertices), tensor(shape), tensor(expression), tensor(pose), tensor(joints), tensor(skin),
        torch.tensor(faces), sparse, dense, regions | {"mouth_interior": torch.zeros(0, dtype=torch.int64)}, NAMES,
    )  # fmt: skip


@pytest.fixture(scope="session")
def synthetic_head() -> HeadModel:
    return make_head()
