"""The rasterizer of Gaussian splats: one signature, gsplat's CUDA kernels or this project's CPU kernel behind it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.head.rotation import quaternion_to_matrix
from emotag.splats.cpu.layout import BLUR
from emotag.splats.spherical_harmonics import COEFFICIENT_COUNTS, colour

TILE = 16
"""Side of gsplat's tiles, pixels."""

EMPTY_ALPHA = 1e-10
"""An expected depth is divided by at least this (as in gsplat): where nothing is drawn it is 0."""


@dataclass(frozen=True)
class Render:
    """What the camera sees, with premultiplied colour: the background is not added."""

    colour: Tensor  # (B, H, W, 3) Σ w·rgb
    alpha: Tensor  # (B, H, W, 1) Σ w
    depth: Tensor | None = None  # (B, H, W, 1) metres: Σ w·z / Σ w, 0 where alpha is 0
    features: Tensor | None = None  # (B, H, W, C) Σ w·f

    def over(
        self,
        background: Tensor,  # (3,), (B, 3) or (1 | B, H, W, 3)
    ) -> Tensor:  # (B, H, W, 3)
        """Compose over a colour, a colour per frame, or an image per frame."""
        if background.ndim == 2:
            background = background[:, None, None]
        return torch.addcmul(self.colour, 1 - self.alpha, background)


def rasterize(
    means: Tensor,  # (B, N, 3) metres, world
    quaternions: Tensor,  # (B, N, 4) w x y z, any norm
    scales: Tensor,  # (B, N, 3) metres
    opacities: Tensor,  # (N,) or (B, N) in [0, 1]
    sh: Tensor,  # (N, K, 3) or (B, N, K, 3); K = 1, 4, 9 or 16
    view_matrix: Tensor,  # (4, 4) world → camera, OpenCV axes
    intrinsics: Tensor,  # (3, 3) pixels, no skew
    width: int,
    height: int,
    *,
    with_depth: bool = False,
    features: Tensor | None = None,  # (B, N, C) or (N, C)
    near: float = 0.01,  # metres
) -> Render:
    """Render B frames of N splats seen by one camera, differentiable in the splats (not in the camera).

    The image formation is that of 3DGS as gsplat 1.5.3 has it (classic mode): EWA projection with 0.3 pixels² of blur,
    alpha at most 0.999, contributions under 1/255 left out, front to back by the depth of the centres until the
    transmittance would fall to 1e-4, pixel centres at +0.5, colour = max(0, SH + 0.5).

    CUDA tensors go to gsplat, all B frames in one call; CPU tensors to the compiled kernel, which computes in single
    precision on `torch.get_num_threads()` threads. On the CPU a splat with NaN or infinite geometry or opacity is not
    drawn and gets no gradient; NaN in colours and features reaches the image.

    Raises:
        ValueError: shapes or devices that do not fit, or a camera that asks for a gradient.
    """
    _check(means, quaternions, scales, opacities, sh, view_matrix, intrinsics, width, height, features)
    frames = means.shape[0]
    opacities = opacities if opacities.ndim == 2 else opacities[None]
    sh = sh if sh.ndim == 4 else sh[None]
    if features is None:
        extra = means.new_empty((1, means.shape[1], 0))
    else:
        extra = features if features.ndim == 3 else features[None]
    channels = (opacities, sh, extra, view_matrix, intrinsics, width, height, with_depth, near)
    render = _on_cuda if means.is_cuda else _on_cpu
    seen, alpha, depth, composited = render(means, quaternions, scales, *channels)
    assert seen.shape == (frames, height, width, 3)
    return Render(seen, alpha, depth, None if features is None else composited)


def splat_normals(
    quaternions: Tensor,  # (B, N, 4) w x y z
    scales: Tensor,  # (B, N, 3) metres
    means: Tensor,  # (B, N, 3) metres, world
    view_matrix: Tensor,  # (4, 4) world → camera
) -> Tensor:  # (B, N, 3) unit, world
    """Each splat's axis of smallest scale, turned towards the camera; pass it as `features` for a normal map."""
    thinnest = scales.argmin(-1)[..., None, None].expand(*scales.shape[:-1], 3, 1)
    normals = quaternion_to_matrix(quaternions).gather(-1, thinnest).squeeze(-1)
    away = ((means - camera_place(view_matrix)) * normals).sum(-1, keepdim=True) > 0
    return torch.where(away, -normals, normals)


def camera_place(
    view_matrix: Tensor,  # (4, 4) world → camera, rigid
) -> Tensor:  # (3,) metres, world
    """Where the camera stands."""
    return -view_matrix[:3, :3].T @ view_matrix[:3, 3]


def _on_cpu(
    means: Tensor,  # (B, N, 3)
    quaternions: Tensor,  # (B, N, 4)
    scales: Tensor,  # (B, N, 3)
    opacities: Tensor,  # (1 | B, N)
    sh: Tensor,  # (1 | B, N, K, 3)
    extra: Tensor,  # (1 | B, N, C)
    view_matrix: Tensor,
    intrinsics: Tensor,
    width: int,
    height: int,
    with_depth: bool,
    near: float,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:  # (B, H, W, 3), (B, H, W, 1), (B, H, W, 1), (B, H, W, C)
    from emotag.splats.cpu.autograd import rasterize_on_cpu  # numba: half a second that CUDA users need not wait

    image, alpha = rasterize_on_cpu(
        means, quaternions, scales, opacities, sh, extra, view_matrix, intrinsics, width, height, with_depth, near
    )
    depth = image[..., 3:4] / alpha.clamp_min(EMPTY_ALPHA) if with_depth else None
    return image[..., :3], alpha, depth, image[..., 4 if with_depth else 3 :]


def _on_cuda(
    means: Tensor,  # as _on_cpu
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    sh: Tensor,
    extra: Tensor,
    view_matrix: Tensor,
    intrinsics: Tensor,
    width: int,
    height: int,
    with_depth: bool,
    near: float,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Call gsplat's kernels one by one: its `rasterization` inverts cameras on the way, which makes the host wait.

    Colours, features and depths are composited in one pass, as channels of one image.
    """
    from gsplat import (  # compiles its extension on the first use
        fully_fused_projection,
        isect_offset_encode,
        isect_tiles,
        rasterize_to_pixels,
    )

    frames, splats = means.shape[:2]
    cameras = (view_matrix.expand(frames, 1, 4, 4), intrinsics.expand(frames, 1, 3, 3))
    opacities = opacities.expand(frames, splats)
    radii, places, depths, conics, _ = fully_fused_projection(
        means, None, quaternions, scales, *cameras, width, height, eps2d=BLUR, near_plane=near, opacities=opacities
    )
    columns, rows = -(-width // TILE), -(-height // TILE)
    _, pairs, order = isect_tiles(places, radii, depths, TILE, columns, rows, n_images=frames)
    starts = isect_offset_encode(pairs, frames, columns, rows).reshape(frames, 1, rows, columns)

    rgb = _colour_on_cuda(sh, means, view_matrix)
    parts = [rgb.expand(frames, -1, -1), extra.expand(frames, -1, -1), depths[:, 0, :, None]]
    sizes = [3, extra.shape[-1], int(with_depth)]
    spare = _kernel_channels(sum(sizes)) - sum(sizes)
    parts = [*parts[: 2 + with_depth], means.new_zeros(()).expand(frames, splats, spare)]
    image, alpha = rasterize_to_pixels(
        places, conics, torch.cat(parts, dim=-1)[:, None], opacities[:, None], width, height, TILE, starts, order
    )
    image, alpha = image[:, 0], alpha[:, 0]
    # One split, so that the gradients of all channels are put together by one copy.
    seen, features, depth, _ = image.split([*sizes, spare], dim=-1)
    return seen, alpha, depth / alpha.clamp_min(EMPTY_ALPHA) if with_depth else None, features


def _colour_on_cuda(
    sh: Tensor,  # (1 | B, N, K, 3)
    means: Tensor,  # (B, N, 3)
    view_matrix: Tensor,  # (4, 4)
) -> Tensor:  # (1 | B, N, 3)
    if sh.shape[-2] == 1:  # the same from everywhere, so once for all frames
        return colour(sh, sh[..., 0, :])
    from gsplat import spherical_harmonics

    coefficients = sh.expand(len(means), -1, -1, -1)
    degree = COEFFICIENT_COUNTS.index(sh.shape[-2])
    directions = means - camera_place(view_matrix)
    return (spherical_harmonics(degree, directions, coefficients) + 0.5).clamp_min(0)


def _kernel_channels(count: int) -> int:
    """Smallest number of channels, at least `count`, for which gsplat has a kernel: 1, or 2ⁿ, or 2ⁿ + 1 from 5 on."""
    power = 1 << (count - 1).bit_length()
    return count if count in (1, 2, 3, 4) or count == power // 2 + 1 else power


def _check(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    sh: Tensor,
    view_matrix: Tensor,
    intrinsics: Tensor,
    width: int,
    height: int,
    features: Tensor | None,
) -> None:
    if means.ndim != 3 or means.shape[-1] != 3:
        raise ValueError(f"means must be (B, N, 3), not {tuple(means.shape)}")
    batch, splats = means.shape[:2]
    expected: list[tuple[str, Tensor, set[tuple[int, ...]]]] = [
        ("quaternions", quaternions, {(batch, splats, 4)}),
        ("scales", scales, {(batch, splats, 3)}),
        ("opacities", opacities, {(splats,), (batch, splats)}),
        ("sh", sh, {s for k in COEFFICIENT_COUNTS for s in ((splats, k, 3), (batch, splats, k, 3))}),
        ("view_matrix", view_matrix, {(4, 4)}),
        ("intrinsics", intrinsics, {(3, 3)}),
    ]
    if features is not None:
        count = features.shape[-1]
        expected.append(("features", features, {(splats, count), (batch, splats, count)}))
    for name, tensor, shapes in expected:
        if tuple(tensor.shape) not in shapes:
            raise ValueError(
                f"{name} is {tuple(tensor.shape)}; for {batch} frames of {splats} splats it must be one of {shapes}"
            )
        if tensor.device != means.device:
            raise ValueError(f"{name} is on {tensor.device}, means on {means.device}")
    if view_matrix.requires_grad or intrinsics.requires_grad:
        raise ValueError("the rasterizer gives no gradient to the camera: detach view_matrix and intrinsics")
    if width < 1 or height < 1:
        raise ValueError(f"an image must have pixels, not {width}×{height}")
