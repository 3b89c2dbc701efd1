"""Slow, obvious rasterizer: gsplat's PyTorch projection and harmonics, and compositing by dense tensors and autograd.

It is what the CPU kernel (and gsplat itself, on CUDA) is compared with, in values and gradients. It follows the dtype
of its inputs, so that float64 gives the truth to measure float32 against.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from emotag.splats.cpu.layout import ALPHA_MAX, ALPHA_MIN, BLUR, TRANSMITTANCE_MIN
from emotag.splats.rasterize import EMPTY_ALPHA, Render
from emotag.splats.spherical_harmonics import COEFFICIENT_COUNTS


def rasterize(
    means: Tensor,  # (B, N, 3) metres, world
    quaternions: Tensor,  # (B, N, 4) w x y z
    scales: Tensor,  # (B, N, 3) metres
    opacities: Tensor,  # (N,) or (B, N)
    sh: Tensor,  # (N, K, 3) or (B, N, K, 3)
    view_matrix: Tensor,  # (4, 4)
    intrinsics: Tensor,  # (3, 3) pixels
    width: int,
    height: int,
    *,
    with_depth: bool = False,
    features: Tensor | None = None,  # (B, N, C) or (N, C)
    near: float = 0.01,  # metres
    block: int | None = None,  # pixels of a side: see below
    cull: bool = False,
) -> Render:
    """Render as `emotag.splats.rasterize.rasterize` does, every splat at every pixel.

    Memory is pixels × splats. `block` renders the image in squares, whose intermediates are recomputed in the backward
    pass; `cull` gives to each block only the splats whose 3.33 σ box meets it, which changes no value.
    """
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci, _spherical_harmonics

    batch, splats = means.shape[:2]
    opacities = opacities.expand(batch, splats)
    sh = sh.expand(batch, *sh.shape[-3:])
    covariances, _ = _quat_scale_to_covar_preci(quaternions, scales, compute_preci=False)
    radii, centres, depths, conics, _ = _fully_fused_projection(
        means,
        covariances,
        view_matrix.expand(batch, 1, 4, 4),
        intrinsics.expand(batch, 1, 3, 3),
        width,
        height,
        eps2d=BLUR,
        near_plane=near,
    )
    radii, centres, depths, conics = radii[:, 0], centres[:, 0], depths[:, 0], conics[:, 0]
    directions = means - torch.linalg.inv(view_matrix)[:3, 3]
    channels = [(_spherical_harmonics(COEFFICIENT_COUNTS.index(sh.shape[-2]), directions, sh) + 0.5).clamp_min(0)]
    channels.append(depths[..., None])
    if features is not None:
        channels.append(features.expand(batch, *features.shape[-2:]))
    table = torch.cat((centres, conics, opacities[..., None], *channels), dim=-1)  # (B, N, 6 + C)
    images = []
    for frame in range(batch):
        visible = ((radii[frame] > 0).all(-1) & table[frame].isfinite().all(-1)).nonzero()[:, 0]
        visible = visible[depths[frame, visible].argsort(stable=True)]
        images.append(_composite(table[frame, visible], radii[frame, visible], width, height, block, cull))
    image = torch.stack(images)  # (B, H, W, 1 + C): alpha first
    alpha = image[..., :1]
    depth = image[..., 4:5] / alpha.clamp_min(EMPTY_ALPHA)
    return Render(
        image[..., 1:4], alpha, depth if with_depth else None, image[..., 5:] if features is not None else None
    )


def _composite(
    table: Tensor,  # (V, 6 + C): centre 2, conic 3, opacity, channels; front to back
    radii: Tensor,  # (V, 2) pixels
    width: int,
    height: int,
    block: int | None,
    cull: bool,
) -> Tensor:  # (H, W, 1 + C)
    side = block or max(width, height)
    rows = []
    for top in range(0, height, side):
        row = []
        for left in range(0, width, side):
            right, bottom = min(left + side, width), min(top + side, height)
            splats = table
            if cull:
                low = torch.tensor([left, top])
                high = torch.tensor([right, bottom])
                meets = ((table[:, :2] + radii > low) & (table[:, :2] - radii < high)).all(-1)
                splats = table[meets]
            y, x = torch.meshgrid(
                torch.arange(top, bottom, dtype=table.dtype, device=table.device) + 0.5,
                torch.arange(left, right, dtype=table.dtype, device=table.device) + 0.5,
                indexing="ij",
            )
            pixels = torch.stack((x, y), dim=-1).reshape(-1, 2)
            if block is not None and table.requires_grad:
                values = checkpoint(composite_pixels, splats, pixels, use_reentrant=False)
            else:
                values = composite_pixels(splats, pixels)
            row.append(values.reshape(bottom - top, right - left, -1))
        rows.append(torch.cat(row, dim=1))
    return torch.cat(rows, dim=0)


def composite_pixels(
    table: Tensor,  # (V, 6 + C): centre 2, conic 3, opacity, channels; front to back
    pixels: Tensor,  # (P, 2) pixel centres
) -> Tensor:  # (P, 1 + C): alpha, Σ w·channels
    """Alpha compositing of every splat at every pixel."""
    centres, (a, b, c), opacities, channels = table[:, :2], table[:, 2:5].T, table[:, 5], table[:, 6:]
    dx, dy = (pixels[:, None] - centres).unbind(-1)  # (P, V)
    exponent = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    alpha = (opacities * torch.exp(-exponent)).clamp_max(float(ALPHA_MAX))
    alpha = torch.where(alpha >= float(ALPHA_MIN), alpha, 0)
    after = torch.cumprod(1 - alpha, dim=1)
    before = torch.cat((torch.ones_like(after[:, :1]), after[:, :-1]), dim=1)
    weights = torch.where(after > float(TRANSMITTANCE_MIN), alpha * before, 0)
    return torch.cat((weights.sum(1, keepdim=True), weights @ channels), dim=1)
