"""The open identity engine: standardised proportions and colours, laid into 512 dimensions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotag.files import read_json
from emotag.perception.identity.appearance import N_APPEARANCE, colours
from emotag.perception.identity.geometry import N_GEOMETRY, proportions
from emotag.perception.identity.protocol import EMBEDDING, Array, IdentitySettings

FILE = Path(__file__).with_name("population.json")

SEED = 2603_21332
"""Of the fixed random rotation into 512 dimensions (the paper's arXiv number)."""


@dataclass(frozen=True)
class Population:
    """Mean and spread of every feature over people, so that the descriptor says how a face departs from the mean."""

    mean: Array  # (F,)
    spread: Array  # (F,)

    def to_json(self) -> dict[str, list[float]]:
        """Give plain numbers, four digits."""
        return {name: [float(f"{v:.4g}") for v in getattr(self, name)] for name in ("mean", "spread")}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Population":
        """Read what `to_json` wrote."""
        return Population(np.array(values["mean"]), np.array(values["spread"]))

    @staticmethod
    def of(features: Array) -> "Population":  # (P, F) one row per person
        """Measure people; a spread is at least a tenth of its group's median, so that no feature explodes."""
        spread = features.std(axis=0, ddof=1)
        for group in (slice(0, N_GEOMETRY), slice(N_GEOMETRY, None)):
            spread[group] = np.maximum(spread[group], 0.1 * np.median(spread[group]))
        return Population(features.mean(axis=0), spread)


@lru_cache(maxsize=1)
def load_population() -> Population:
    """Give the committed means and spreads."""
    return Population.from_json(read_json(FILE))


@lru_cache(maxsize=1)
def rotation() -> Array:  # (F, 512) orthonormal rows
    """Give the fixed isometry: lengths and angles of the features are kept, and no coordinate means one thing only."""
    size = N_GEOMETRY + N_APPEARANCE
    gaussian = np.random.default_rng(SEED).standard_normal((EMBEDDING, size))
    q, r = np.linalg.qr(gaussian)
    return np.asarray((q * np.sign(np.diag(r))).T)


class Descriptor:
    """Proportions and colours of the most neutral frames; needs no weights."""

    name = "descriptor"
    version = "1"
    weights = ""  # the population is code
    open_mouth_cost = 1.0

    def __init__(self, settings: IdentitySettings | None = None, population: Population | None = None) -> None:
        self.settings = settings or IdentitySettings()
        self._population = population

    def features(self, points: NDArray[np.floating], images: Iterable[NDArray[np.uint8]]) -> Array:  # (F,)
        """Give raw proportions, then raw colours. Raises ValueError when images and points disagree."""
        return np.concatenate([proportions(np.asarray(points, np.float64)), colours(points, images)])

    def embed(
        self,
        points: NDArray[np.floating],  # (N, 468, 3)
        images: Iterable[NDArray[np.uint8]],
    ) -> Array:  # (512,)
        """See IdentityEngine.embed."""
        return self.project(self.features(points, images))

    def project(
        self,
        features: Array,  # (F,)
    ) -> Array:  # (512,) unit norm
        """Standardise, weigh geometry against appearance, rotate, normalise."""
        population = self._population or load_population()
        score = np.clip((features - population.mean) / population.spread, -3, 3)
        geometry, appearance = score[:N_GEOMETRY], score[N_GEOMETRY:]
        share = self.settings.appearance_weight
        weighed = np.concatenate(
            [np.sqrt((1 - share) / N_GEOMETRY) * geometry, np.sqrt(share / N_APPEARANCE) * appearance]
        )
        embedding = weighed @ rotation()
        norm = float(np.linalg.norm(embedding))
        if norm < 1e-9:
            raise ValueError("this face is the population's mean to the digit; its direction is undefined")
        return np.asarray(embedding / norm)
