"""Selfie segmentation: the open person segmenter."""

from pathlib import Path

import cv2
import numpy as np

from emotag.perception.open_models import Network

_PROBABILITY = "activation_10"


class SelfieSegmentation:
    """MediaPipe's selfie segmentation (MobileNetV3 encoder, 256²)."""

    engine = "selfie-segmentation"

    def __init__(self, models: Path | str, *, threads: int = 1) -> None:
        self._network = Network(models, "selfie_segmentation", threads=threads)
        self.digest = self._network.digest

    def probability(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> np.ndarray:  # (256, 256) float32 in [0, 1]
        """Give the probability of person over the whole image, which is squeezed into the network's square."""
        size = self._network.size
        method = cv2.INTER_AREA if min(image.shape[:2]) > size else cv2.INTER_LINEAR
        patch = cv2.resize(image, (size, size), interpolation=method)
        return self._network(patch.astype(np.float32) / 255)[_PROBABILITY][..., 0]
