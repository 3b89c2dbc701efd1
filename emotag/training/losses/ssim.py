"""Structural similarity (Wang et al., 2004): 11×11 Gaussian window, σ = 1.5, values in 0…1."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.training.losses.reduce import weighted_mean

WINDOW = 11
"""Side of the Gaussian window, pixels."""

SIGMA = 1.5
"""Standard deviation of the Gaussian window, pixels."""

C1 = 0.01**2
C2 = 0.03**2

BORDER = WINDOW // 2

CPU_CHUNK = 1 << 18
"""Values (pixels × channels) that are worked on at a time on a CPU."""


def ssim(
    image: Tensor,  # (B, H, W, C) in 0…1
    truth: Tensor,  # (B, H, W, C) in 0…1
    mask: Tensor | None = None,  # (B, H, W), bool or weights
) -> Tensor:  # ()
    """Mean SSIM over the pixels whose window lies inside the image, and inside `mask` when given (by its centre).

    Without a mask equal to scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1)`. (torchmetrics has the same map, but also averages over a border of
    reflected pixels.) An empty mask gives 0.
    """
    similarity = ssim_map(image, truth)
    if mask is None:
        return similarity.mean()
    inner = mask[:, BORDER:-BORDER, BORDER:-BORDER, None]
    return weighted_mean(similarity, inner)


def ssim_map(
    image: Tensor,  # (B, H, W, C) in 0…1
    truth: Tensor,  # (B, H, W, C) in 0…1
) -> Tensor:  # (B, H - 10, W - 10, C)
    """SSIM at every pixel whose window lies inside the image. Raises ValueError when the shapes do not allow it."""
    if image.shape != truth.shape or image.dim() != 4:
        raise ValueError(f"image {tuple(image.shape)} and truth {tuple(truth.shape)} must both be (B, H, W, C)")
    if min(image.shape[1:3]) < WINDOW:
        raise ValueError(f"image {tuple(image.shape)} is smaller than SSIM's {WINDOW}×{WINDOW} window")
    frames = len(image)
    if image.device.type == "cpu":  # a few frames at a time stay in the cache: three times as fast at 512²
        frames = max(1, CPU_CHUNK // image[0].numel())
    parts = [_SSIM.apply(x, y) for x, y in zip(image.split(frames), truth.split(frames))]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class _SSIM(torch.autograd.Function):
    """SSIM with its gradient written out: 5 blurred maps forward, 3 backward, none of them kept by autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        moments = blur(torch.cat((x, y, x * x, y * y, x * y), dim=-1))
        mean_x, mean_y, square_x, square_y, product = moments.chunk(5, dim=-1)
        means = mean_x * mean_y
        squares = mean_x * mean_x + mean_y * mean_y
        a1 = 2 * means + C1
        a2 = 2 * (product - means) + C2
        b1 = squares + C1
        b2 = square_x + square_y - squares + C2
        bottom = 1 / (b1 * b2)
        value = a1 * a2 * bottom
        if any(ctx.needs_input_grad):
            by_square = -value / b2  # ∂S/∂E[x²] = ∂S/∂E[y²]
            by_product = 2 * a1 * bottom  # ∂S/∂E[xy]
            common = 2 * (a2 - a1) * bottom
            shrink = 2 * value * (1 / b1 - 1 / b2)
            by_x = common * mean_y - shrink * mean_x if ctx.needs_input_grad[0] else None  # ∂S/∂E[x]
            by_y = common * mean_x - shrink * mean_y if ctx.needs_input_grad[1] else None
            ctx.save_for_backward(x, y, by_square, by_product, by_x, by_y)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y, by_square, by_product, by_x, by_y = ctx.saved_tensors
        parts = [grad * part for part in (by_square, by_product, by_x, by_y) if part is not None]
        square, product, *means = blur_adjoint(torch.cat(parts, dim=-1)).chunk(len(parts), dim=-1)
        grads: list[Tensor | None] = [None, None]
        for side, (own, other, part) in enumerate(((x, y, by_x), (y, x, by_y))):
            if part is not None:
                grads[side] = means.pop(0) + 2 * own * square + other * product
        return grads[0], grads[1]


def gaussian(like: Tensor) -> Tensor:  # (WINDOW,)
    """Give the window's one-dimensional weights, which sum to 1."""
    offset = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - BORDER
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2))
    return weights / weights.sum()


def blur(
    image: Tensor,  # (B, H, W, C)
) -> Tensor:  # (B, H - 10, W - 10, C)
    """Gaussian mean around every pixel whose window lies inside the image."""
    return _filter(image, 0)


def blur_adjoint(
    gradient: Tensor,  # (B, H - 10, W - 10, C)
) -> Tensor:  # (B, H, W, C)
    """Transpose of `blur`; the window is symmetric, so this is the same filter over zero padding."""
    return _filter(gradient, WINDOW - 1)


def _filter(image: Tensor, padding: int) -> Tensor:
    """Separable filter, with channels last in memory: four times as fast on a CPU as with planes."""
    channels = image.shape[-1]
    weights = gaussian(image).expand(channels, 1, WINDOW)
    planes = image.permute(0, 3, 1, 2)
    rows = F.conv2d(planes, weights[:, :, :, None], padding=(padding, 0), groups=channels)
    return F.conv2d(rows, weights[:, :, None], padding=(0, padding), groups=channels).permute(0, 2, 3, 1)
