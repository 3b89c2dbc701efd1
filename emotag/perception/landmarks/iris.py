"""Irises, for the direction of gaze, and eyelid contours, for blinks (arXiv:2006.11341)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotag.perception.landmarks.region import Region, cut_patch
from emotag.perception.open_models import Network

EYE_CORNERS = ((362, 263), (33, 133))
"""Face Mesh's corners of the left and the right eye (the person's own), each in the order of the image's x."""

_EYE_SCALE = 2.3  # side of the square over the eye's width, as the network was trained
_IRIS = "output_iris"
_CONTOUR = "output_eyes_contours_and_brows"
N_LID_POINTS = 16
"""Leading points of the network's contour output: the edge of the eye's opening. Brows follow."""


@dataclass(frozen=True)
class Eyes:
    """What the network sees of both eyes; left and right are the person's own."""

    iris: np.ndarray  # (2, 5, 3) pixels: centre, then four points of the edge around it
    eyelids: np.ndarray  # (2, 16, 3) pixels: contour of the opening

    @staticmethod
    def unseen() -> "Eyes":
        """Give NaN for a frame without a face."""
        return Eyes(np.full((2, 5, 3), np.nan, np.float32), np.full((2, N_LID_POINTS, 3), np.nan, np.float32))


class IrisNetwork:
    """Places the irises and the lids' edges."""

    engine = "iris"

    def __init__(self, models: Path | str, *, threads: int = 1) -> None:
        self._network = Network(models, "iris_landmark", threads=threads)
        self.digest = self._network.digest

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
        points: np.ndarray,  # (468, 3) pixels
    ) -> Eyes:
        """Find irises and lids of a face whose Face Mesh landmarks are known."""
        # The network knows the person's right eye only; the left one is shown to it mirrored.
        found = [self._eye(image, points, corners, mirrored) for corners, mirrored in zip(EYE_CORNERS, (True, False))]
        iris, eyelids = (np.stack(part) for part in zip(*found))
        return Eyes(iris, eyelids)

    def _eye(
        self, image: np.ndarray, points: np.ndarray, corners: tuple[int, int], mirrored: bool
    ) -> tuple[np.ndarray, np.ndarray]:  # (5, 3), (16, 3) pixels
        first, second = points[corners[0], :2], points[corners[1], :2]
        low, high = np.minimum(first, second), np.maximum(first, second)
        angle = float(np.arctan2(second[1] - first[1], second[0] - first[0]))
        region = Region((low + high) / 2, _EYE_SCALE * float((high - low).max()), angle)
        size = self._network.size
        outputs = self._network(cut_patch(image, region, size, mirrored=mirrored))
        iris, contour = (outputs[name].reshape(-1, 3).copy() for name in (_IRIS, _CONTOUR))
        parts = (iris, contour[:N_LID_POINTS])
        if mirrored:
            for part in parts:
                part[:, 0] = size - part[:, 0]
        return region.from_patch(parts[0], size), region.from_patch(parts[1], size)
