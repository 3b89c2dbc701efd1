import numpy as np
import pytest
import torch

from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.head.open_head.assemble import open_head

HEIGHT = 0.03  # metres the actor stands above the picture's centre


@pytest.fixture(scope="package")
def head() -> HeadModel:
    return open_head()


@pytest.fixture(scope="package")
def shape(head: HeadModel) -> torch.Tensor:
    return torch.zeros(head.n_shape)


@pytest.fixture(scope="package")
def camera() -> Camera:
    return Camera(3.0, 96, 96)


@pytest.fixture(scope="package")
def still(head: HeadModel) -> np.ndarray:  # (V, 3)
    return posed(head)


def posed(head: HeadModel, yaw: float = 0.0, jaw: float = 0.0, eyes: float = 0.0) -> np.ndarray:  # (V, 3)
    """The average head, turned on its neck."""
    still = torch.zeros(1, 3)
    place, turn, opening, gaze = still.clone(), still.clone(), still.clone(), torch.zeros(1, 6)
    place[0, 1], turn[0, 1], opening[0, 0], gaze[0, [1, 4]] = HEIGHT, yaw, jaw, eyes
    shape, expression = torch.zeros(head.n_shape), torch.zeros(1, head.n_expression)
    return head.vertices(shape, expression, opening, turn, gaze, still, place)[0].numpy()
