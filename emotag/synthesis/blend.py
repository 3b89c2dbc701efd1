"""Renders over a clip's resident frames, many at a time."""

import torch
from torch import Tensor

from emotag.fused import can_fuse
from emotag.splats.rasterize import Render
from emotag.synthesis.compose import compose

_BLOCK = 1024  # pixels of a program


def blend(
    render: Render,  # B whole frames
    image: Tensor,  # (T, H, W, 3) uint8: frames without the true head
    fade: Tensor,  # (T, H, W) uint8 0-255: how much of a render shows
    frames: Tensor,  # (B,) int64: the frame that each render is laid over
) -> Tensor:  # (B, H, W, 3) uint8
    """Compose a batch, on CUDA by one kernel, which reads frames and renders where they are.

    Raises ValueError when the sizes differ.
    """
    colour, alpha = render.colour, render.alpha.squeeze(-1)
    if colour.shape[1:] != image.shape[1:] or fade.shape != image.shape[:3] or len(frames) != len(colour):
        raise ValueError(f"sizes differ: renders {tuple(colour.shape)}, frames {tuple(image.shape)}, {len(frames)}")
    if not can_fuse(colour, alpha):
        return compose(colour, alpha, image[frames], fade[frames].to(alpha.dtype) / 255)
    from emotag.synthesis.blend_kernels import blend_pixels

    composed = torch.empty(colour.shape, dtype=torch.uint8, device=colour.device)
    pixels = alpha[0].numel()
    blend_pixels[(-(-pixels // _BLOCK), len(colour))](
        colour.contiguous(), alpha.contiguous(), image.contiguous(), fade.contiguous(), frames, composed, pixels,
        BLOCK=_BLOCK,
    )  # fmt: skip
    return composed
