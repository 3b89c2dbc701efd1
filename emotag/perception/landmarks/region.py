"""The rotated square that a landmark network looks at."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from emotag.perception.detection.detector import Detection

FACE_SCALE = 1.5
"""Side of the square over the face's box, as Face Mesh was trained."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Face Mesh's outer eye corners: the line that says how the head is rolled. Right is the person's own."""


@dataclass(frozen=True)
class Region:
    """A square of `side` pixels about `centre`, turned by `angle` (radians, clockwise on the screen)."""

    centre: np.ndarray  # (2,) pixels
    side: float
    angle: float

    def to_patch(self, size: int) -> np.ndarray:  # (2, 3)
        """Give the affine map from image pixels to the pixels of a `size`² patch (continuous coordinates)."""
        scale = size / self.side
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack((turn, size / 2 - turn @ self.centre))

    def from_patch(
        self,
        points: np.ndarray,  # (N, 2) or (N, 3) patch pixels
        size: int,
    ) -> np.ndarray:  # same shape, image pixels
        """Map points of the patch into the image; a third coordinate is scaled alike."""
        scale = self.side / size
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])  # row vectors: p @ turn turns by +angle
        mapped = np.array(points, dtype=np.float64) * scale
        mapped[:, :2] = (mapped[:, :2] - self.side / 2) @ turn + self.centre
        return mapped.astype(np.float32)


def region_of_detection(detection: Detection) -> Region:
    """Give the square around a detected face, upright along its eyes."""
    return Region(detection.centre, FACE_SCALE * detection.side, _roll(*detection.keypoints[:2]))


def region_of_landmarks(
    points: np.ndarray,  # (468, 2 or 3) pixels
) -> Region:
    """Give the square around the landmarks of a frame, for the next frame."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    roll = _roll(points[RIGHT_EYE_OUTER, :2], points[LEFT_EYE_OUTER, :2])
    return Region((low + high) / 2, FACE_SCALE * float((high - low).max()), roll)


def cut_patch(
    image: np.ndarray,  # (H, W, 3) uint8
    region: Region,
    size: int,
    *,
    mirrored: bool = False,
) -> np.ndarray:  # (size, size, 3) float32 in [0, 1]
    """Sample the region upright at size²; outside of the image is black.

    A shrunken region is sampled finer and then averaged: plain bilinear sampling would skip pixels, and what it skips
    changes from frame to frame, which the landmarks show as jitter.
    """
    finer = max(1, math.ceil(region.side / size - 1e-6))
    warp = region.to_patch(size * finer)
    # OpenCV puts pixel centres at whole numbers; here they lie at halves.
    warp[:, 2] += warp[:, :2] @ np.array([0.5, 0.5]) - 0.5
    patch = cv2.warpAffine(image, warp, (size * finer, size * finer), flags=cv2.INTER_LINEAR)
    if finer > 1:
        patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)
    if mirrored:
        patch = patch[:, ::-1]
    return patch.astype(np.float32) / 255


def _roll(right: np.ndarray, left: np.ndarray) -> float:
    return math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))
