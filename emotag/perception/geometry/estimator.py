"""What a geometry engine gives for a frame."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Depth and normals of one frame, meaningful inside the mask."""

    depth: np.ndarray  # (H, W) float32; metres along the optical axis, or relative (larger is farther); 0 outside
    normal: np.ndarray  # (H, W, 3) float32 unit, world axes (x right, y up, z towards the camera); 0 outside
    mask: np.ndarray  # (H, W) bool


class GeometryEstimator(Protocol):
    """Gives depth and normals of the head in a frame."""

    engine: str
    digest: str  # of the weights, or of the head model
    relative: bool  # whether depth has an unknown scale and shift per frame (Sapiens) or is in metres

    def estimate(
        self,
        frame: int,
        image: np.ndarray,  # (H, W, 3) uint8 RGB of the crop
    ) -> Geometry:
        """Give the geometry of frame number `frame` of the clip, whose picture is `image`."""
        ...
