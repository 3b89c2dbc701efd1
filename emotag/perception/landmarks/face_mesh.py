"""Face Mesh: 468 points on the face's surface from one image (arXiv:1907.06724)."""

from pathlib import Path

import numpy as np

from emotag.perception.landmarks.landmarker import N_LANDMARKS
from emotag.perception.landmarks.region import Region, cut_patch
from emotag.perception.open_models import Network

_POINTS, _FACE = "conv2d_21", "conv2d_31"


class FaceMesh:
    """The open landmarker."""

    engine = "face-mesh"

    def __init__(
        self,
        models: Path | str,  # folder of the open networks
        *,
        threads: int = 1,
    ) -> None:
        self._network = Network(models, "face_landmark", threads=threads)
        self.digest = self._network.digest

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
        region: Region,
    ) -> tuple[np.ndarray, float]:  # (468, 3) float32 pixels, score
        """Give points (x, y, z) in image pixels and the certainty of a face in the region (0-1).

        z has the scale of x, its zero near the middle of the head; towards the camera is negative.
        """
        out = self._network(cut_patch(image, region, self._network.size))
        points = out[_POINTS].reshape(N_LANDMARKS, 3)
        score = 1 / (1 + np.exp(-float(np.clip(out[_FACE].ravel()[0], -80, 80))))
        return region.from_patch(points, self._network.size), score
