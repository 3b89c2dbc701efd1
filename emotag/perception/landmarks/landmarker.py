"""What a face landmarker gives."""

from typing import Protocol

import numpy as np

from emotag.perception.landmarks.region import Region

N_LANDMARKS = 468
"""Points of Face Mesh's canonical topology."""


class FaceLandmarker(Protocol):
    """Places the 468 Face Mesh points on one face."""

    engine: str
    digest: str

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
        region: Region,
    ) -> tuple[np.ndarray, float]:  # (468, 3) pixels, score
        """Give points (x, y, z) and how certain it is that the region holds a face (0-1).

        z is in pixels too, on the scale of x, relative to the head's middle; towards the camera is negative.
        """
        ...
