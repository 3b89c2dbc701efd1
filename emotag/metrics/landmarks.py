"""What the 68 facial landmarks tell: mouth distance (LMD), mouth opening, stability."""

import numpy as np

from emotag.head.ibug68 import LOWER_INNER_LIP, MOUTH, UPPER_INNER_LIP

PROTOCOL_RESOLUTION = 512
"""Side in pixels of the frame in which the peers state landmark distances."""

OUTER_EYES = (36, 45)
"""Outer corners of the eyes."""

MOUTH_CORNERS = (48, 54)
"""Outer corners of the mouth."""


def lmd(
    truth: np.ndarray,  # (T, 68, 2) pixels
    render: np.ndarray,  # (T, 68, 2) pixels
    resolution: int = PROTOCOL_RESOLUTION,  # side of the frame the points were read in, pixels
) -> np.ndarray:  # (T,) pixels of the 512² frame
    """Give the mouth landmark distance per frame: each mouth mean-centred, mean L2 distance of its 20 points.

    Centring removes where the head is; what is left is the mouth's shape. A frame with NaN points gives NaN; the
    value of a clip is the mean over the others. Raises ValueError when the shapes are not equal and (T, 68, 2).
    """
    _check(truth)
    _check(render)
    if truth.shape != render.shape:
        raise ValueError(f"landmarks differ in shape: {truth.shape} and {render.shape}")
    difference = _centred(truth[:, MOUTH]) - _centred(render[:, MOUTH])
    return np.linalg.norm(difference, axis=-1).mean(axis=-1) * (PROTOCOL_RESOLUTION / resolution)


def mouth_opening(
    points: np.ndarray,  # (T, 68, 2) pixels
) -> np.ndarray:  # (T,) dimensionless
    """Give the inner-lip aperture per frame, divided by the distance of the outer eye corners.

    The aperture is the mean distance of the three facing pairs of inner-lip points. A face at any scale gives the
    same number. NaN where the points are NaN or the eyes coincide.
    """
    _check(points)
    upper, lower = points[:, list(UPPER_INNER_LIP)], points[:, list(LOWER_INNER_LIP)]
    aperture = np.linalg.norm(upper - lower, axis=-1).mean(axis=-1)
    return np.asarray(aperture / _eye_distance(points))


def mouth_width(
    points: np.ndarray,  # (T, 68, 2) pixels
) -> np.ndarray:  # (T,) dimensionless
    """Give the distance of the mouth's corners per frame, divided by the distance of the outer eye corners."""
    _check(points)
    right, left = MOUTH_CORNERS
    return np.asarray(np.linalg.norm(points[:, right] - points[:, left], axis=-1) / _eye_distance(points))


def jitter(
    points: np.ndarray,  # (T, 68, 2) pixels
    resolution: int = PROTOCOL_RESOLUTION,  # side of the frame the points were read in, pixels
) -> np.ndarray:  # (T,) pixels of the 512² frame per frame²
    """Give the mean landmark acceleration per frame, |p(t−1) − 2p(t) + p(t+1)|: what the eye sees as trembling.

    The first and the last frame are NaN. A real head accelerates too: compare with the truth's own value, not with 0.
    """
    _check(points)
    values = np.full(len(points), np.nan)
    if len(points) >= 3:
        acceleration = points[:-2] - 2 * points[1:-1] + points[2:]
        values[1:-1] = np.linalg.norm(acceleration, axis=-1).mean(axis=-1)
    return values * (PROTOCOL_RESOLUTION / resolution)


def correlation(
    a: np.ndarray,  # (T,)
    b: np.ndarray,  # (T,)
) -> float:
    """Give Pearson's correlation over the frames where both are finite; NaN when a series is constant or too short."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return float("nan")
    x, y = a[both].astype(np.float64), b[both].astype(np.float64)
    # A spread at rounding level is a constant series: its "correlation" would be noise.
    if np.ptp(x) <= 1e-9 * max(1.0, np.abs(x).max()) or np.ptp(y) <= 1e-9 * max(1.0, np.abs(y).max()):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))


def _eye_distance(points: np.ndarray) -> np.ndarray:  # (T,) pixels, NaN where the eyes coincide
    right, left = OUTER_EYES
    distance = np.linalg.norm(points[:, right] - points[:, left], axis=-1)
    return np.where(distance > 0, distance, np.nan)


def _centred(points: np.ndarray) -> np.ndarray:
    return points - points.mean(axis=1, keepdims=True)


def _check(points: np.ndarray) -> None:
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(f"landmarks are (T, 68, 2), not {points.shape}")
