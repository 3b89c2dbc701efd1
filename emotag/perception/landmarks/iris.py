"""Irises: five points an eye, for the direction of gaze (arXiv:2006.11341)."""

from pathlib import Path

import numpy as np

from emotag.perception.landmarks.region import Region, cut_patch
from emotag.perception.open_models import Network

EYE_CORNERS = ((362, 263), (33, 133))
"""Face Mesh's corners of the left and the right eye (the person's own), each in the order of the image's x."""

_EYE_SCALE = 2.3  # side of the square over the eye's width, as the network was trained
_IRIS = "output_iris"


class IrisNetwork:
    """Places the centre and four edge points of each iris."""

    engine = "iris"

    def __init__(self, models: Path | str, *, threads: int = 1) -> None:
        self._network = Network(models, "iris_landmark", threads=threads)
        self.digest = self._network.digest

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
        points: np.ndarray,  # (468, 3) pixels
    ) -> np.ndarray:  # (2, 5, 3) pixels
        """Give left and right iris (the person's own): centre, then four points of the edge around it."""
        # The network knows the person's right eye only; the left one is shown to it mirrored.
        return np.stack(
            [self._eye(image, points, corners, mirrored) for corners, mirrored in zip(EYE_CORNERS, (True, False))]
        )

    def _eye(self, image: np.ndarray, points: np.ndarray, corners: tuple[int, int], mirrored: bool) -> np.ndarray:
        first, second = points[corners[0], :2], points[corners[1], :2]
        low, high = np.minimum(first, second), np.maximum(first, second)
        angle = float(np.arctan2(second[1] - first[1], second[0] - first[0]))
        region = Region((low + high) / 2, _EYE_SCALE * float((high - low).max()), angle)
        size = self._network.size
        iris = self._network(cut_patch(image, region, size, mirrored=mirrored))[_IRIS].reshape(5, 3).copy()
        if mirrored:
            iris[:, 0] = size - iris[:, 0]
        return region.from_patch(iris, size)
