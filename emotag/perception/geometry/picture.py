"""The contact sheet of a clip's geometry."""

from pathlib import Path

import cv2
import numpy as np

from emotag.files import atomic
from emotag.perception.geometry.estimator import Geometry

_COLUMNS, _SIDE = 6, 256
_QUALITY = 92  # of the JPEG


class GeometrySheet:
    """Keeps a few frames of a stream: picture, depth (near is bright), normals."""

    def __init__(self, frames: int) -> None:
        self._chosen = set(np.linspace(0, max(frames - 1, 0), _COLUMNS).round().astype(int).tolist())
        self._columns: list[np.ndarray] = []
        self.coverage: list[float] = []
        """Share of every frame that the mask covers."""

    def add(self, frame: int, image: np.ndarray, geometry: Geometry) -> None:
        """Look at a frame."""
        self.coverage.append(float(geometry.mask.mean()))
        if frame in self._chosen:
            parts = (image, _grey(geometry), ((geometry.normal + 1) * 127.5).astype(np.uint8))
            sized = [cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for part in parts]
            self._columns.append(np.concatenate(sized))

    def save(self, path: Path | str) -> None:
        """Write the JPEG."""
        sheet = np.concatenate(self._columns, axis=1)
        with atomic(path) as partial:
            cv2.imwrite(str(partial), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _grey(geometry: Geometry) -> np.ndarray:  # (H, W, 3) uint8
    grey = np.zeros(geometry.mask.shape)
    if geometry.mask.any():
        seen = geometry.depth[geometry.mask]
        span = max(float(seen.max() - seen.min()), 1e-9)
        grey[geometry.mask] = 40 + 215 * (1 - (seen - seen.min()) / span)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
