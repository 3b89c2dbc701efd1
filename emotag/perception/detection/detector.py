"""What a face detector gives, and how overlapping finds become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth_centre", "right_ear", "left_ear")
"""Order of Detection.keypoints; right and left are the person's own."""


@dataclass(frozen=True)
class Detection:
    """A face found in an image."""

    box: np.ndarray  # (4,) float32: x0, y0, x1, y1 in pixels; may reach over the image's edge
    score: float  # 0-1
    keypoints: np.ndarray  # (6, 2) float32 pixels, in the order of KEYPOINTS; NaN where a detector does not see one

    @property
    def centre(self) -> np.ndarray:
        """Middle of the box, (2,) pixels."""
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def side(self) -> float:
        """Longer side of the box, pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    def shifted(self, offset: np.ndarray) -> "Detection":
        """Give the detection moved by `offset` (2,) pixels."""
        return Detection(self.box + np.tile(offset, 2).astype(np.float32), self.score, self.keypoints + offset)


class FaceDetector(Protocol):
    """Finds faces in one image."""

    engine: str
    version: str
    digest: str  # of the weights

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> list[Detection]:
        """Give every face, the most certain first; [] when there is none."""
        ...


def overlap(
    box: np.ndarray,  # (4,)
    boxes: np.ndarray,  # (N, 4)
) -> np.ndarray:  # (N,)
    """Intersection over union of one box with many."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    return shared / np.maximum(union, 1e-9)


def merge_detections(
    detections: Sequence[Detection],
    min_overlap: float,
) -> list[Detection]:
    """Weighted non-maximum suppression (BlazeFace, arXiv:1907.05047 §3.4): overlapping finds are averaged by score.

    Averaging instead of keeping the best is what keeps a tracked box from jumping between anchors.
    """
    rest = sorted(detections, key=lambda detection: -detection.score)
    merged = []
    while rest:
        shares = overlap(rest[0].box, np.stack([detection.box for detection in rest]))
        group = [d for d, share in zip(rest, shares) if share > min_overlap] or [rest[0]]
        weights = np.array([d.score for d in group], dtype=np.float32)
        weights /= weights.sum()
        box = np.tensordot(weights, np.stack([d.box for d in group]), axes=1)
        keypoints = np.tensordot(weights, np.stack([d.keypoints for d in group]), axes=1)
        merged.append(Detection(box, rest[0].score, keypoints))
        taken = {id(detection) for detection in group}
        rest = [detection for detection in rest if id(detection) not in taken]
    return merged
