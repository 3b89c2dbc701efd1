"""BlazeFace: the open face detector, for near and for small faces (arXiv:1907.05047)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from emotag.perception.detection.anchors import anchor_centres
from emotag.perception.detection.detector import Detection, merge_detections
from emotag.perception.open_models import Network

Range = Literal["auto", "short", "full"]

_MERGE_OVERLAP = 0.3
_TILE_SHARE = 0.5  # side of a tile, of the image's shorter side
_FULL_MIN_SCORE = 0.6  # the full-range network is less sure of itself: below this it sees faces in noise
_MIN_FACE_SHARE = 0.05  # of what a network looks at: smaller finds are nothing it could know
_BORDER_SHARE = 0.02  # a box that ends this near to a tile's inner edge may be cut: a neighbouring tile has it whole


@dataclass(frozen=True)
class _Kind:
    network: str
    scores: str  # name of the output with the scores
    boxes: str
    grids: tuple[tuple[int, int], ...]  # (stride, anchors a cell)


_SHORT = _Kind("face_detection_short_range", "classificators", "regressors", ((8, 2), (16, 6)))
_FULL = _Kind("face_detection_full_range_sparse", "Identity_1", "Identity", ((4, 1),))


class _BlazeNetwork:
    """One BlazeFace network on the whole of an image."""

    def __init__(self, models: Path | str, kind: _Kind, threads: int) -> None:
        self._network = Network(models, kind.network, threads=threads)
        self._kind = kind
        self._centres = anchor_centres(self._network.size, kind.grids)
        self.digest = self._network.digest

    def detect(self, image: np.ndarray, min_score: float) -> list[Detection]:
        """Find faces in (H, W, 3) uint8 RGB."""
        patch, scale, offset = _letterbox(image, self._network.size)
        out = self._network(patch.astype(np.float32) / 127.5 - 1.0)
        scores = 1 / (1 + np.exp(-np.clip(out[self._kind.scores][:, 0], -80, 80)))
        kept = np.flatnonzero(scores >= min_score)
        # Each row: centre x, y, width, height, then 6 x, y pairs, in input pixels relative to the anchor's centre.
        rows = out[self._kind.boxes][kept].reshape(-1, 8, 2)
        anchors = self._centres[kept, None] * self._network.size
        points = rows + anchors
        points[:, 1] = rows[:, 1]
        points[:, [0, 2, 3, 4, 5, 6, 7]] -= offset
        points *= scale
        half = points[:, 1] / 2
        boxes = np.concatenate((points[:, 0] - half, points[:, 0] + half), axis=1)
        return merge_detections(
            [Detection(box, float(score), keys) for box, score, keys in zip(boxes, scores[kept], points[:, 2:])],
            _MERGE_OVERLAP,
        )


class BlazeFace:
    """BlazeFace over an image of any size.

    `auto` tries the short-range network (faces nearer than about 2 m fill the frame), then the full-range one, then
    the full-range one on overlapping tiles, and stops at the first that finds a face.
    """

    engine = "blazeface"
    version = "1"

    def __init__(
        self,
        models: Path | str,
        *,
        min_score: float = 0.5,
        range: Range = "auto",
        threads: int = 1,
    ) -> None:
        self._min_score = min_score
        self._range = range
        self._short = _BlazeNetwork(models, _SHORT, threads)
        self._full = _BlazeNetwork(models, _FULL, threads)
        self.digest = f"{self._short.digest}+{self._full.digest}"

    def detect(
        self,
        image: np.ndarray,  # (H, W, 3) uint8 RGB
    ) -> list[Detection]:
        """Give every face, the most certain first; [] when there is none."""
        found: list[Detection] = []
        if self._range in ("auto", "short"):
            found = self._short.detect(image, self._min_score)
        if not found and self._range in ("auto", "full"):
            found = self._detect_full(image) or self._detect_tiles(image)
        return found

    def _detect_full(self, image: np.ndarray) -> list[Detection]:
        found = self._full.detect(image, max(self._min_score, _FULL_MIN_SCORE))
        return [detection for detection in found if detection.side > _MIN_FACE_SHARE * max(image.shape[:2])]

    def _detect_tiles(self, image: np.ndarray) -> list[Detection]:
        found = []
        height, width = image.shape[:2]
        side = round(min(height, width) * _TILE_SHARE)
        for top in _tile_starts(height, side):
            for left in _tile_starts(width, side):
                tile = image[top : top + side, left : left + side]
                inside = (left > 0, top > 0, left + side < width, top + side < height)
                offset = np.array([left, top], dtype=np.float32)
                found += [
                    detection.shifted(offset)
                    for detection in self._detect_full(tile)
                    if not _is_cut(detection.box, side, inside)
                ]
        return merge_detections(found, _MERGE_OVERLAP)


def _tile_starts(length: int, side: int) -> list[int]:
    """Starts of tiles that overlap by at least half and end at the image's edge."""
    count = max(1, -(-2 * (length - side) // side) + 1)
    return [round(start) for start in np.linspace(0, length - side, count)]


def _is_cut(box: np.ndarray, side: int, inside: tuple[bool, bool, bool, bool]) -> bool:
    margin = side * _BORDER_SHARE
    touches = (box[0] < margin, box[1] < margin, box[2] > side - margin, box[3] > side - margin)
    return any(touch and inner for touch, inner in zip(touches, inside))


def _letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Fit the image into a black square: the patch, image pixels a patch pixel, and the patch's offset (2,)."""
    height, width = image.shape[:2]
    scale = max(height, width) / size
    fitted = (max(1, round(width / scale)), max(1, round(height / scale)))
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    left, top = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    patch = np.zeros((size, size, 3), dtype=np.uint8)
    patch[top : top + fitted[1], left : left + fitted[0]] = cv2.resize(image, fitted, interpolation=method)
    return patch, scale, np.array([left, top], dtype=np.float32)
