"""Posed vertices of a performance, and the rigid motion of parts read back from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emotag.actors.types import Performance
from emotag.errors import InputError
from emotag.head.model import HeadModel

_CHUNK = 32
_FIRM = 0.98


def posed_vertices(head: HeadModel, shape: Tensor, performance: Performance) -> Iterator[np.ndarray]:  # (V, 3) float32
    """Pose the head for every frame of a performance. Raises InputError when its expressions are not the head's."""
    if performance.names != head.expression_names:
        raise InputError(
            f"the performance's expressions are not those of the head `{head.name}`: perform it for this head"
        )
    fields = ("expression", "jaw_pose", "neck_pose", "eyes_pose", "rotation", "translation")
    tracks = [torch.from_numpy(np.asarray(getattr(performance, name), dtype=np.float32)) for name in fields]
    for start in range(0, len(performance.expression), _CHUNK):
        with torch.no_grad():
            posed = head.vertices(shape, *(track[start : start + _CHUNK] for track in tracks))
        yield from posed.numpy()


@dataclass(frozen=True)
class Rigid:
    """x → turn x + shift."""

    turn: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,)


class RigidPart:
    """A set of vertices that moves as one."""

    def __init__(self, rest: np.ndarray, ids: np.ndarray, most: int = 80) -> None:
        """`rest` (V, 3) metres; `ids` of the part, of which `most` spread ones are used."""
        self._ids = ids[np.linspace(0, len(ids) - 1, min(most, len(ids))).astype(int)]
        self._centre = rest[self._ids].mean(0)
        self._local = rest[self._ids] - self._centre

    def fit(self, posed: np.ndarray) -> Rigid:  # (V, 3)
        """Least-squares rotation and translation (Kabsch 1976)."""
        points = posed[self._ids].astype(np.float64)
        centre = points.mean(0)
        left, _, right = np.linalg.svd((points - centre).T @ self._local)
        sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
        turn = left @ np.diag([1.0, 1.0, sign]) @ right
        return Rigid(turn, centre - turn @ self._centre)


def firmly(ids: np.ndarray, follows: np.ndarray, least: int = 12) -> np.ndarray:
    """Choose the vertices of a part that follow a joint most closely: (N,) ids, (V,) weights of the joint."""
    firm = ids[follows[ids] > _FIRM]
    return firm if len(firm) >= least else ids[np.argsort(-follows[ids], kind="stable")[:least]]
