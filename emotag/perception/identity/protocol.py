"""What an identity engine takes and gives."""

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emotag.perception.identity.network_settings import AdaFaceSettings, ArcFaceSettings
from emotag.settings import Settings

EMBEDDING = 512
"""Width of an identity embedding (AdaFace's)."""

Array = NDArray[np.float64]


class IdentitySettings(Settings):
    """How a person is described."""

    engine: Literal["descriptor", "adaface", "arcface"] = "descriptor"
    """"descriptor": proportions of the face and its colours, no weights; "adaface"; "arcface": insightface's."""
    frames: int = 50
    """How many of the most neutral frames are read (EmoTaG §4)."""
    appearance_weight: float = 0.4
    """Share of appearance in the descriptor's length, against the geometry's; light changes, bones do not."""
    adaface: AdaFaceSettings = AdaFaceSettings()
    """Of the engine "adaface"."""
    arcface: ArcFaceSettings = ArcFaceSettings()
    """Of the engine "arcface"."""


class IdentityEngine(Protocol):
    """Describes a person from neutral frames."""

    name: str
    version: str
    weights: str  # digest of the weights; "" where there are none
    open_mouth_cost: float  # how much an open mouth counts against a frame, see `most_neutral`

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
    open_mouth_cost: float = 1.0,
) -> NDArray[np.intp]:  # (N,) N ≤ count, in the order of time
    """Choose the most neutral frames, those with the highest p(neutral) (EmoTaG §4); of equals the first.

    An engine that measures the mouth wants it shut: each intensity of AU25 then costs a factor e^open_mouth_cost.
    Recognition networks do not, and 0 ranks as the paper does. Raises ValueError when no frame is valid.
    """
    score = np.asarray(p_neutral, np.float64)
    if open_mouth_cost:
        score = score * np.exp(-open_mouth_cost * np.asarray(mouth_open, np.float64))
    valid = np.flatnonzero(np.isfinite(score))
    if not valid.size:
        raise ValueError("no valid frame")
    return np.sort(valid[np.argsort(-score[valid], kind="stable")[:count]])


def mean_direction(
    embeddings: NDArray[np.floating],  # (N, 512) of any length each
) -> Array:  # (512,) unit norm
    """Give the direction of the mean of unit embeddings: every frame counts the same.

    Raises ValueError when an embedding is zero or not finite, or when they cancel out.
    """
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("an embedding is zero or not finite")
    mean = (embeddings / lengths).mean(axis=0)
    if (norm := float(np.linalg.norm(mean))) < 1e-6:
        raise ValueError("the embeddings of the frames cancel out")
    return np.asarray(mean / norm)
