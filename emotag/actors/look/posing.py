"""The rigid motion of parts, read back from posed vertices."""

from dataclasses import dataclass

import numpy as np

_FIRM = 0.98


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
