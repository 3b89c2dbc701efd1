"""Image similarity of one frame with its truth: PSNR and SSIM, over the whole frame or weighted by a mask."""

import cv2
import numpy as np

PSNR_CAP_DB = 100.0
"""PSNR of identical frames, whose MSE is 0; also the largest value any frame can get."""

SSIM_SIGMA = 1.5
"""Standard deviation of SSIM's Gaussian window, pixels (Wang et al. 2004)."""

SSIM_WINDOW = 11
"""Side of SSIM's Gaussian window, pixels (Wang et al. 2004)."""

_C1 = 0.01**2
_C2 = 0.03**2


def unit_rgb(
    frame: np.ndarray,  # (H, W, 3) uint8, or float in 0-1
) -> np.ndarray:  # (H, W, 3) float32 in 0-1
    """Give a frame as float32 RGB in 0-1. Raises ValueError on another shape."""
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame is (H, W, 3), not {frame.shape}")
    if frame.dtype == np.uint8:
        return frame.astype(np.float32) * np.float32(1 / 255)
    return frame.astype(np.float32, copy=False)


def psnr(
    truth: np.ndarray,  # (H, W, 3) uint8, or float in 0-1
    render: np.ndarray,  # (H, W, 3) likewise
    mask: np.ndarray | None = None,  # (H, W) weights >= 0
) -> float:
    """Give the PSNR of one frame in dB: −10·log10(MSE) of RGB in 0-1, at most PSNR_CAP_DB.

    With a mask the MSE is the weighted mean over its pixels; NaN when the mask is empty. The value of a clip is the
    mean over its frames (the peers' protocol), not the PSNR of its mean error. Raises ValueError on unequal shapes.
    """
    a, b = _pair(truth, render)
    squared = cv2.subtract(a, b)
    cv2.multiply(squared, squared, dst=squared)
    mse = float(squared.mean(dtype=np.float64)) if mask is None else _weighted_mean(squared.mean(axis=2), mask)
    if np.isnan(mse):
        return float("nan")
    return PSNR_CAP_DB if mse <= 0 else min(PSNR_CAP_DB, float(-10 * np.log10(mse)))


def ssim_map(
    truth: np.ndarray,  # (H, W, 3) uint8, or float in 0-1
    render: np.ndarray,  # (H, W, 3) likewise
) -> np.ndarray:  # (H, W, 3) float32
    """Give SSIM per pixel and channel (Wang et al. 2004, Eq. 13).

    Gaussian window 11x11, sigma 1.5, population covariance, data range 1, frames mirrored at their border. The mean
    over the map is torchmetrics' value; away from the border the map is scikit-image's with `gaussian_weights=True,
    use_sample_covariance=False` (whose mean leaves the border out). Raises ValueError on unequal or tiny frames.
    """
    a, b = _pair(truth, render)
    if min(a.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs frames of at least {SSIM_WINDOW} pixels a side, not {a.shape[:2]}")
    mean_a, mean_b = _blur(a), _blur(b)
    # Only the sum of the two variances enters SSIM, so four blurs do the work of five.
    variances = _blur(a * a + b * b)
    covariance = _blur(a * b)
    product = mean_a * mean_b
    squares = mean_a * mean_a + mean_b * mean_b
    numerator = (2 * product + _C1) * (2 * (covariance - product) + _C2)
    denominator = (squares + _C1) * (np.maximum(variances - squares, 0) + _C2)
    return numerator / denominator


def ssim(
    truth: np.ndarray,  # (H, W, 3) uint8, or float in 0-1
    render: np.ndarray,  # (H, W, 3) likewise
    mask: np.ndarray | None = None,  # (H, W) weights >= 0
) -> float:
    """Give the mean SSIM of one frame (see ssim_map), weighted by the mask when given (NaN when it is empty)."""
    return mean_similarity(ssim_map(truth, render), mask)


def mean_similarity(
    similarity: np.ndarray,  # (H, W, 3) from ssim_map
    mask: np.ndarray | None = None,  # (H, W) weights >= 0
) -> float:
    """Average an SSIM map, so that one map serves the whole frame and the head."""
    if mask is None:
        return float(similarity.mean(dtype=np.float64))
    return _weighted_mean(similarity.mean(axis=2), mask)


def _pair(truth: np.ndarray, render: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if truth.shape != render.shape:
        raise ValueError(f"frames differ in shape: {truth.shape} and {render.shape}")
    return unit_rgb(truth), unit_rgb(render)


def _blur(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA, borderType=cv2.BORDER_REFLECT_101)


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    if weights.shape != values.shape:
        raise ValueError(f"the mask is {weights.shape}, the frame {values.shape}")
    weights = weights.astype(np.float64)
    total = weights.sum()
    return float((values * weights).sum() / total) if total > 0 else float("nan")
