"""What an identity engine takes and gives."""

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emotag.settings import Settings

EMBEDDING = 512
"""Width of an identity embedding (AdaFace's)."""

Array = NDArray[np.float64]


class IdentitySettings(Settings):
    """How a person is described."""

    engine: Literal["descriptor"] = "descriptor"
    """"descriptor": proportions of the face and its colours; no weights."""
    frames: int = 50
    """How many of the most neutral frames are read (EmoTaG §4)."""
    appearance_weight: float = 0.4
    """Share of appearance in the descriptor's length, against the geometry's; light changes, bones do not."""


class IdentityEngine(Protocol):
    """Describes a person from neutral frames."""

    name: str
    version: str

    def embed(
        self,
        points: NDArray[np.floating],  # (N, 468, 3) pixels of the chosen frames
        images: Iterable[NDArray[np.uint8]],  # N frames (H, W, 3) RGB
    ) -> Array:  # (512,) unit norm
        """Give the embedding."""
        ...


def most_neutral(
    p_neutral: NDArray[np.floating],  # (T,) NaN where not valid
    mouth_open: NDArray[np.floating],  # (T,) AU25, 0–5
    count: int,
) -> NDArray[np.intp]:  # (N,) N ≤ count, in the order of time
    """Choose the frames with the highest p(neutral), the mouth shut: each intensity of AU25 costs a factor e.

    Raises ValueError when no frame is valid.
    """
    score = np.asarray(p_neutral, np.float64) * np.exp(-np.asarray(mouth_open, np.float64))
    valid = np.flatnonzero(np.isfinite(score))
    if not valid.size:
        raise ValueError("no valid frame")
    return np.sort(valid[np.argsort(-score[valid], kind="stable")[:count]])
