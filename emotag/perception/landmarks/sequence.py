"""Landmarks of a whole clip: the region of each frame follows from the landmarks before it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from emotag.perception.detection.detector import FaceDetector
from emotag.perception.landmarks.filtering import one_euro
from emotag.perception.landmarks.iris import Eyes, IrisNetwork
from emotag.perception.landmarks.landmarker import N_LANDMARKS, FaceLandmarker
from emotag.perception.landmarks.region import Region, region_of_detection, region_of_landmarks
from emotag.perception.landmarks.settings import LandmarksSettings


@dataclass(frozen=True)
class LandmarkSeries:
    """Landmarks of T frames. Rows that are not valid hold NaN."""

    points: np.ndarray  # (T, 468, 3) float32 pixels; z has the scale of x, towards the camera is negative
    iris: np.ndarray  # (T, 2, 5, 3) float32 pixels; left, right (the person's own); centre, then four edge points
    eyelids: np.ndarray  # (T, 2, 16, 3) float32 pixels; left, right: the edge of the eye's opening
    score: np.ndarray  # (T,) float32, 0-1
    valid: np.ndarray  # (T,) bool


def track_landmarks(
    frames: Iterable[np.ndarray],  # each (H, W, 3) uint8 RGB
    detector: FaceDetector,
    landmarker: FaceLandmarker,
    iris: IrisNetwork,
    settings: LandmarksSettings,
) -> LandmarkSeries:
    """Place landmarks on the largest face of every frame, following it from frame to frame."""
    points, eyes, scores = [], [], []
    region: Region | None = None
    for image in frames:
        found, score = None, 0.0
        if region is not None:
            found, score = _averaged(image, region, landmarker, settings.looks)
        if score < settings.min_score:
            found, score = _found_anew(image, detector, landmarker, settings.looks)
        if found is None or score < settings.min_score:
            region = None
            points.append(np.full((N_LANDMARKS, 3), np.nan, dtype=np.float32))
            eyes.append(Eyes.unseen())
        else:
            region = region_of_landmarks(found)
            points.append(found)
            eyes.append(iris.detect(image, found))
        scores.append(score)
    series = LandmarkSeries(
        np.stack(points).astype(np.float32),
        np.stack([one.iris for one in eyes]).astype(np.float32),
        np.stack([one.eyelids for one in eyes]).astype(np.float32),
        np.array(scores, dtype=np.float32),
        np.array(scores) >= settings.min_score,
    )
    return smoothed(series, settings) if settings.smoothing else series


def smoothed(series: LandmarkSeries, settings: LandmarksSettings) -> LandmarkSeries:
    """Remove jitter with a One-Euro filter that measures speed in face widths."""
    if not series.valid.any():
        return series
    width = float(np.median(np.ptp(series.points[series.valid, :, 0], axis=1)))
    rate = {"min_cutoff": settings.smoothing_min_cutoff, "beta": settings.smoothing_beta / width}
    return LandmarkSeries(
        one_euro(series.points, series.valid, **rate),
        one_euro(series.iris, series.valid, **rate),
        one_euro(series.eyelids, series.valid, **rate),
        series.score,
        series.valid,
    )


def _averaged(image: np.ndarray, region: Region, landmarker: FaceLandmarker, looks: int) -> tuple[np.ndarray, float]:
    """Average several looks, each through the square of the one before; the score is the last one's."""
    points, score = landmarker.detect(image, region)
    total = points
    for _ in range(looks - 1):
        points, score = landmarker.detect(image, region_of_landmarks(points))
        total = total + points
    return total / looks, score


def _found_anew(
    image: np.ndarray, detector: FaceDetector, landmarker: FaceLandmarker, looks: int
) -> tuple[np.ndarray | None, float]:
    detections = detector.detect(image)
    if not detections:
        return None, 0.0
    # The detector's square is coarser than the landmarks' own: its look only says where to look.
    coarse, _ = landmarker.detect(image, region_of_detection(max(detections, key=lambda detection: detection.side)))
    return _averaged(image, region_of_landmarks(coarse), landmarker, looks)
