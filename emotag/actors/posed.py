"""A performance on a head: posed vertices."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from emotag.actors.types import Performance
from emotag.errors import InputError
from emotag.head.model import HeadModel

BATCH = 32
"""Frames posed at once."""
_MOTION = ("expression", "jaw_pose", "neck_pose", "eyes_pose", "rotation", "translation")


def posed(
    head: HeadModel,
    shape: np.ndarray,  # (S,)
    performance: Performance,
    start: int = 0,
    end: int | None = None,
) -> Tensor:  # (B, V, 3) metres, world
    """Pose the head on frames start ≤ t < end. Raises InputError when the expressions are not the head's."""
    if performance.names != head.expression_names:
        raise InputError(
            f"the performance's expressions are not those of the head '{head.name}': perform it for this head"
        )
    motion = (torch.as_tensor(getattr(performance, name)[start:end], dtype=torch.float32) for name in _MOTION)
    with torch.no_grad():
        return head.vertices(torch.as_tensor(shape, dtype=torch.float32), *motion)


def posed_frames(
    head: HeadModel,
    shape: np.ndarray,  # (S,)
    performance: Performance,
) -> Iterator[np.ndarray]:  # T × (V, 3) float32 metres, world
    """Pose the head on every frame, a batch at a time. Raises InputError as `posed` does."""
    for start in range(0, len(performance.e), BATCH):
        yield from posed(head, shape, performance, start, start + BATCH).numpy()
