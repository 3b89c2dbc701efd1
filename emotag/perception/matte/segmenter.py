"""What a person segmenter gives."""

from typing import Protocol

import numpy as np


class PersonSegmenter(Protocol):
    """Says of every pixel whether it shows the person."""

    engine: str
    digest: str

    def probability(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> np.ndarray:  # (h, w) float32 in [0, 1], at the network's own resolution
        """Give the probability of person over the whole image, as coarse as the network gives it."""
        ...
