"""The guided filter: a soft mask takes over the edges of the picture it belongs to."""

import cv2
import numpy as np


def guided_filter(
    guide: np.ndarray,  # (H, W, 3) float32 in [0, 1]
    mask: np.ndarray,  # (h, w) float32 in [0, 1]: the mask, which may be coarser than the guide
    radius: int,  # pixels of the mask
    epsilon: float,  # variance of the guide below which a window counts as flat
) -> np.ndarray:  # (H, W) float32
    """Fit the mask in every window as a linear function of colour, and evaluate that at the guide's own resolution.

    He, Sun, Tang, Guided Image Filtering (TPAMI 2013), Eq. 14–16 for a colour guide; fitting at the mask's resolution
    is the fast form (He, Sun, arXiv:1505.00996).
    """
    coarse = _resized(guide, mask.shape)
    slope, offset = _local_fit(coarse, mask, radius, epsilon)
    size = guide.shape[:2]
    return _dot(_resized(slope, size), guide) + _resized(offset, size)


def _local_fit(
    guide: np.ndarray,  # (h, w, 3)
    mask: np.ndarray,  # (h, w)
    radius: int,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray]:  # slope (h, w, 3), offset (h, w), averaged over the windows of each pixel
    mean_guide = _mean(guide, radius)
    mean_mask = _mean(mask, radius)
    cross = _mean(guide * mask[..., None], radius) - mean_guide * mean_mask[..., None]
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    products = _mean(np.stack([guide[..., i] * guide[..., j] for i, j in pairs[:3]], axis=2), radius)
    products = np.concatenate(
        (products, _mean(np.stack([guide[..., i] * guide[..., j] for i, j in pairs[3:]], axis=2), radius)), axis=2
    )
    rr, rg, rb, gg, gb, bb = (
        products[..., k] - mean_guide[..., i] * mean_guide[..., j] for k, (i, j) in enumerate(pairs)
    )
    rr, gg, bb = rr + epsilon, gg + epsilon, bb + epsilon
    # Inverse of the symmetric 3×3 covariance by its cofactors.
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    x, y, z = cross[..., 0], cross[..., 1], cross[..., 2]
    slope = np.stack(
        (c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z), axis=2
    )
    slope /= determinant[..., None]
    offset = mean_mask - _dot(slope, mean_guide)
    return _mean(slope, radius), _mean(offset, radius)


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:  # (H, W, 3), (H, W, 3) -> (H, W)
    return np.einsum("hwc,hwc->hw", left, right)  # a third of the time of a product and a sum over three


def _mean(values: np.ndarray, radius: int) -> np.ndarray:
    width = 2 * radius + 1
    return cv2.blur(values, (width, width), borderType=cv2.BORDER_REFLECT)


def _resized(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if values.shape[:2] == size[:2]:
        return values
    method = cv2.INTER_AREA if values.shape[0] > size[0] else cv2.INTER_LINEAR
    return cv2.resize(values, (size[1], size[0]), interpolation=method)
