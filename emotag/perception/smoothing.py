"""Smoothing along time."""

import numpy as np
from numpy.typing import NDArray

_REACH = 4.0  # standard deviations at which the kernel ends


def gaussian_smooth(
    values: NDArray[np.floating],  # (T, ...)
    sigma: float,  # frames
) -> NDArray[np.float64]:  # (T, ...)
    """Smooth along the first axis by a Gaussian; before the first and after the last frame the clip stands still.

    The same as scipy.ndimage.gaussian_filter1d(mode="nearest"), whose import takes longer than smoothing a clip.
    """
    reach = int(_REACH * sigma + 0.5)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(sigma, 1e-9)))
    weights /= weights.sum()
    padded = np.pad(values.astype(np.float64), [(reach, reach)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    smooth = np.zeros(values.shape)
    for offset, weight in enumerate(weights):
        smooth += weight * padded[offset : offset + len(values)]
    return smooth


def sliding_percentile(
    values: NDArray[np.floating],  # (T,)
    percentile: float,
    window: int,  # frames, odd
) -> NDArray[np.floating]:  # (T,)
    """Give the percentile of the window around each frame, a value that occurs there; the ends repeat outwards.

    The same as scipy.ndimage.percentile_filter(mode="nearest").
    """
    rank = int(window * percentile / 100)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, window // 2, mode="edge"), window)
    return np.partition(windows, rank, axis=1)[:, rank]
