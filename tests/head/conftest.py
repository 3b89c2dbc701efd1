"""A small synthetic head: an ellipsoid open below, two eyeballs, a patch of lips, joints and weights like FLAME's."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.surface import boundary_loops


def sphere(
    rings: int,
    columns: int,
    radii: tuple[float, float, float],
    centre: tuple[float, float, float],
    open_below: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A grid sphere with its poles on the y axis; `open_below` leaves out that share of the angle at the bottom."""
    polar = np.linspace(0, np.pi * (1 - open_below), rings + 1)[1 : None if open_below else -1]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    p, a = np.meshgrid(polar, around, indexing="ij")
    grid = np.stack((np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)), axis=-1).reshape(-1, 3)
    vertices = [np.array([[0.0, 1.0, 0.0]]), grid] + ([] if open_below else [np.array([[0.0, -1.0, 0.0]])])
    faces = [(0, 1 + c, 1 + (c + 1) % columns) for c in range(columns)]
    for row in range(len(polar) - 1):
        for c in range(columns):
            a0, b0 = 1 + row * columns + c, 1 + row * columns + (c + 1) % columns
            faces += [(a0, a0 + columns, b0), (b0, a0 + columns, b0 + columns)]
    if not open_below:
        last = 1 + (len(polar) - 1) * columns
        faces += [(last + columns, last + (c + 1) % columns, last + c) for c in range(columns)]
    return np.concatenate(vertices) * radii + centre, np.array(faces)


@pytest.fixture(scope="session")
def head_arrays() -> dict[str, np.ndarray]:
    """Arrays with FLAME's names and shapes, on about 1 000 vertices."""
    random = np.random.default_rng(0)
    skull, skull_faces = sphere(28, 32, (0.08, 0.12, 0.1), (0, 0, 0), open_below=0.12)
    left, ball_faces = sphere(6, 8, (0.012,) * 3, (0.032, 0.02, 0.075))
    right = left * (-1, 1, 1)
    vertices = np.concatenate((skull, left, right))
    faces = np.concatenate((skull_faces, ball_faces + len(skull), ball_faces[:, ::-1] + len(skull) + len(left)))
    count = len(vertices)
    weights = np.zeros((count, 5))
    up = np.clip((vertices[:, 1] + 0.11) / 0.05, 0, 1)
    jaw = np.clip(-(vertices[:, 1] + 0.03) / 0.03, 0, 1) * (vertices[:, 2] > 0) * up
    weights[:, 0], weights[:, 1], weights[:, 2] = 1 - up, up - jaw, jaw
    weights[len(skull) : len(skull) + len(left)] = (0, 0, 0, 1, 0)
    weights[len(skull) + len(left) :] = (0, 0, 0, 0, 1)
    regressor = np.zeros((5, count))
    parts = [
        vertices[:, 1] < -0.1,
        vertices[:, 1] < -0.08,
        np.abs(vertices[:, 1] + 0.03) < 0.01,
        weights[:, 3] > 0,
        weights[:, 4] > 0,
    ]
    for joint, part in enumerate(parts):
        regressor[joint, part] = 1 / part.sum()
    smooth = np.stack([np.sin(vertices @ random.normal(size=(3, 3)) * 20) for _ in range(400)], axis=-1)
    return {
        "v_template": vertices,
        "f": faces.astype(np.uint32),
        "shapedirs": 0.001 * smooth,
        "posedirs": 0.001 * random.normal(size=(count, 3, 36)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
    }


@pytest.fixture(scope="session")
def small_head(head_arrays: dict[str, np.ndarray]) -> HeadModel:
    """The same as a HeadModel with a round patch of lips and no landmarks."""
    a = head_arrays
    vertices = a["v_template"]
    floats: Callable[[np.ndarray], torch.Tensor] = lambda x: torch.from_numpy(np.ascontiguousarray(x)).float()  # noqa: E731
    empty = torch.zeros(0, dtype=torch.int64)
    ids = lambda mask: torch.from_numpy(np.flatnonzero(mask))  # noqa: E731
    eyes = a["weights"][:, 3:].sum(1) > 0
    lips = ~eyes & (np.hypot(vertices[:, 0], vertices[:, 1] + 0.045) < 0.018) & (vertices[:, 2] > 0)
    ring = boundary_loops(a["f"].astype(np.int64))[0]
    return HeadModel(
        name="small",
        template=floats(vertices),
        shape_basis=floats(a["shapedirs"][..., :6].transpose(2, 0, 1)),
        expression_basis=floats(a["shapedirs"][..., 300:305].transpose(2, 0, 1)),
        pose_basis=floats(a["posedirs"].transpose(2, 0, 1)),
        joint_regressor=floats(a["J_regressor"]),
        skinning=floats(a["weights"]),
        faces=torch.from_numpy(a["f"].astype(np.int64)),
        landmarks68=LandmarkEmbedding(empty, torch.zeros(0, 3)),
        landmarks468=LandmarkEmbedding(empty, torch.zeros(0, 3)),
        regions={
            "face": ids(~eyes & (vertices[:, 2] > 0.03) & (vertices[:, 1] < 0.06) & (vertices[:, 1] > -0.1)),
            "lips": ids(lips),
            "mouth_interior": empty,
            "left_eye": ids(a["weights"][:, 3] > 0),
            "right_eye": ids(a["weights"][:, 4] > 0),
            "scalp": ids(~eyes & (vertices[:, 1] > 0.08)),
            "ears": empty,
            "neck": ids(vertices[:, 1] < -0.1),
            "neck_bottom": torch.from_numpy(ring),
        },
    )
