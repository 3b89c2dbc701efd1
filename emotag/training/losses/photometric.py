"""How far two pictures are apart: L1, SSIM and squared error together, on CUDA by fused kernels."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from emotag.fused import can_fuse
from emotag.training.losses.reduce import weighted_mean
from emotag.training.losses.ssim import C1, C2, WINDOW, gaussian, ssim

_ROW_BLOCK = 512  # values of a line that a program works on
_LINES, _COLUMN_BLOCK = 16, 64  # lines and values of a tile in the passes along columns


@dataclass(frozen=True)
class Difference:
    """Means over all pixels (or over a mask)."""

    absolute: Tensor  # () mean |x − y|
    similarity: Tensor  # () mean SSIM
    square: Tensor  # () mean (x − y)², without a gradient


def difference(
    image: Tensor,  # (B, H, W, C) in 0…1
    truth: Tensor,  # (B, H, W, C) in 0…1
    mask: Tensor | None = None,  # (B, H, W), bool or weights: where the means are taken (but the square's)
) -> Difference:
    """Compare pictures: on CUDA, without a mask, by Triton kernels; otherwise by `difference_reference`.

    Raises ValueError when the pictures disagree in shape or are smaller than SSIM's window.
    """
    fits = image.shape == truth.shape and image.dim() == 4 and min(image.shape[1:3]) >= WINDOW
    if fits and mask is None and not truth.requires_grad and can_fuse(image, truth):
        return Difference(*_Fused.apply(image, truth))
    return difference_reference(image, truth, mask)


def difference_reference(image: Tensor, truth: Tensor, mask: Tensor | None = None) -> Difference:
    """Compute `difference` by PyTorch's own operations, on any device."""
    similarity = ssim(image, truth, mask)  # checks the shapes
    apart = image - truth
    return Difference(
        weighted_mean(apart.abs(), None if mask is None else mask[..., None]),
        similarity,
        apart.detach().square().mean(),
    )


@cache
def _window(device: torch.device) -> Tensor:  # (WINDOW,)
    return gaussian(torch.empty(0, device=device))


def _blocks(size: int, block: int) -> int:
    return -(-size // block)


class _Fused(torch.autograd.Function):
    """Four kernels: two forward, two backward. Only the image gets a gradient."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from emotag.training.losses.photometric_kernels import blur_rows, similarity_columns

        image, truth = image.contiguous(), truth.contiguous()
        frames, height, width, channels = image.shape
        length, inner = width * channels, (width - WINDOW + 1) * channels
        rows, kept = frames * height, height - WINDOW + 1
        weights = _window(image.device)
        keep = ctx.needs_input_grad[0]

        grid = (rows, _blocks(length, _ROW_BLOCK))
        moments = image.new_empty(4, rows, inner)
        sums = image.new_empty(grid[0] * grid[1], 2)
        blur_rows[grid](
            image, truth, weights, moments, sums, length, inner, channels, rows * inner, TAPS=WINDOW, BLOCK=_ROW_BLOCK
        )
        tiles = (frames, _blocks(kept, _LINES), _blocks(inner, _COLUMN_BLOCK))
        partial = image.new_empty((3, frames, kept, inner) if keep else (1,))
        similar = image.new_empty(tiles[0] * tiles[1] * tiles[2])
        similarity_columns[tiles](
            moments, weights, partial, similar, height, inner, rows * inner, frames * kept * inner, C1, C2,
            TAPS=WINDOW, LINES=_LINES, BLOCK=_COLUMN_BLOCK, KEEP=keep,
        )  # fmt: skip
        absolute, square = (sums.sum(0) / image.numel()).unbind()
        ctx.save_for_backward(image, truth, partial)
        ctx.mark_non_differentiable(square)
        return absolute, similar.sum() / (frames * kept * inner), square

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_absolute: Tensor, by_similarity: Tensor, _: Tensor) -> tuple[Tensor | None, None]:
        from emotag.training.losses.photometric_kernels import spread_columns, spread_rows

        image, truth, partial = ctx.saved_tensors
        frames, height, width, channels = image.shape
        length, inner = width * channels, (width - WINDOW + 1) * channels
        rows, kept = frames * height, height - WINDOW + 1
        weights = _window(image.device)
        spread = image.new_empty(3, rows, inner)
        spread_columns[(3 * frames, _blocks(height, _LINES), _blocks(inner, _COLUMN_BLOCK))](
            partial, weights, spread, kept, inner, TAPS=WINDOW, LINES=_LINES, BLOCK=_COLUMN_BLOCK
        )
        gradient = torch.empty_like(image)
        spread_rows[(rows, _blocks(length, _ROW_BLOCK))](
            spread, image, truth, weights, by_absolute, by_similarity, gradient, length, inner, channels,
            rows * inner, 1 / image.numel(), 1 / (frames * kept * inner), TAPS=WINDOW, BLOCK=_ROW_BLOCK,
        )  # fmt: skip
        return gradient, None
