"""What a geometry engine gives for the frames of a clip."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Depth and normals of one frame, meaningful inside the mask."""

    depth: np.ndarray  # (H, W) float32; metres along the optical axis, or relative (larger is farther); 0 outside
    normal: np.ndarray  # (H, W, 3) float32 unit, world axes (x right, y up, z towards the camera); 0 outside
    mask: np.ndarray  # (H, W) bool


class GeometryEstimator(Protocol):
    """Gives depth and normals of the head in every frame of a clip."""

    relative: bool  # whether depth has an unknown scale and shift per frame (Sapiens) or is in metres

    def sequence(
        self,
        images: Iterable[np.ndarray],  # the clip's frames in order, (H, W, 3) uint8 RGB of the crop
    ) -> Iterator[Geometry]:
        """Give the geometry of each frame; may read some frames ahead. Raises InputError on lengths that disagree."""
        ...

    def metadata(self) -> dict[str, Any]:
        """Say what made the geometry: engine, digests. Complete once the sequence has ended."""
        ...
