"""L_geo: rendered depth and normals against pseudo ground truth (EmoTaG Eq. 14)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.training.losses.reduce import known, weighted_mean

MIN_SPREAD = 1e-4
"""Metres (and units of relative depth): a frame whose depth varies less than this inside its mask is left out."""

MIN_LENGTH = 1e-3
"""Normals shorter than this (where nothing was rendered) are left out."""


def align_depth(
    relative: Tensor,  # (B, H, W) any unit, larger is farther
    depth: Tensor,  # (B, H, W) metres
    mask: Tensor,  # (B, H, W) bool or weights
) -> tuple[Tensor, Tensor]:  # (B,) scale, (B,) shift in metres
    """Least squares per frame: the scale a and shift b for which a · relative + b is nearest to `depth` in the mask.

    Scale is 0 where the relative depth does not vary (or the mask is empty).
    """
    weights = (mask.to(depth) / mask.to(depth).sum(dim=(1, 2), keepdim=True).clamp_min(1e-12)).flatten(1)
    x, y = relative.flatten(1), depth.flatten(1)
    mean_x, mean_y = (weights * x).sum(1), (weights * y).sum(1)
    centred_x, centred_y = x - mean_x[:, None], y - mean_y[:, None]
    variance = (weights * centred_x**2).sum(1)
    covariance = (weights * centred_x * centred_y).sum(1)
    varies = variance > MIN_SPREAD**2
    scale = torch.where(varies, covariance / torch.where(varies, variance, 1.0), 0.0)
    return scale, mean_y - scale * mean_x


def depth_loss(
    depth: Tensor,  # (B, H, W) metres, rendered
    relative: Tensor,  # (B, H, W) pseudo ground truth, relative: any scale and shift a frame, larger is farther
    mask: Tensor,  # (B, H, W) bool or weights: head pixels that were rendered
) -> Tensor:  # ()
    """L_D: mean |D − (a · D_gt + b)| / σ in the mask, with a, b fitted per frame by least squares.

    The pseudo depth is moved onto the rendered one, which keeps the rendering's own scale. The fit and σ (the spread of
    the rendered depth in the mask, which makes λ_D dimensionless) are detached: the gradient moves surface points
    towards the aligned truth and cannot lower the loss by flattening the head. Frames whose fitted scale is not
    positive (depth that contradicts the rendering) or whose depth does not vary are left out.
    """
    relative = known(relative, mask)
    with torch.no_grad():
        scale, shift = align_depth(relative, depth, mask)
        target = scale[:, None, None] * relative + shift[:, None, None]
        spread = _spread(depth, mask)
        usable = (scale > 0) & (spread > MIN_SPREAD)
        weights = mask.to(depth) * usable[:, None, None]
    return weighted_mean((depth - target).abs() / spread.clamp_min(MIN_SPREAD)[:, None, None], weights)


def _spread(depth: Tensor, mask: Tensor) -> Tensor:  # (B,) standard deviation in the mask
    weights = mask.to(depth)
    total = weights.sum(dim=(1, 2)).clamp_min(1e-12)
    mean = (weights * depth).sum(dim=(1, 2)) / total
    return ((weights * (depth - mean[:, None, None]) ** 2).sum(dim=(1, 2)) / total).sqrt()


def normal_loss(
    normal: Tensor,  # (B, H, W, 3) rendered, any length
    truth: Tensor,  # (B, H, W, 3) same axes, any length
    mask: Tensor,  # (B, H, W) bool or weights
) -> Tensor:  # ()
    """L_N: mean of 1 − cos(N, N_gt) in the mask; pixels where either has no length are left out."""
    truth = known(truth, mask[..., None])
    length = torch.linalg.vector_norm(normal.detach(), dim=-1)
    present = (length > MIN_LENGTH) & (torch.linalg.vector_norm(truth, dim=-1) > MIN_LENGTH)
    cosine = F.cosine_similarity(normal, truth, dim=-1, eps=MIN_LENGTH**2)
    return weighted_mean(1 - cosine, mask.to(normal) * present)
