"""The CPU rasterizer as one differentiable torch function."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from emotag.splats.cpu.binning import list_tiles, sort_into_tiles
from emotag.splats.cpu.compilation import array
from emotag.splats.cpu.compositing import composite
from emotag.splats.cpu.compositing_backward import composite_backward
from emotag.splats.cpu.dealing import run
from emotag.splats.cpu.layout import CHUNK, D_CHANNELS, GEOMETRY_WIDTH, TILE
from emotag.splats.cpu.splat_pass import prepare_splats, splats_backward


def rasterize_on_cpu(
    means: Tensor,  # (B, N, 3) metres
    quaternions: Tensor,  # (B, N, 4)
    scales: Tensor,  # (B, N, 3) metres
    opacities: Tensor,  # (1 | B, N)
    sh: Tensor,  # (1 | B, N, K, 3)
    features: Tensor,  # (1 | B, N, F)
    view_matrix: Tensor,  # (4, 4)
    intrinsics: Tensor,  # (3, 3) pixels
    width: int,
    height: int,
    with_depth: bool,
    near: float,  # metres
) -> tuple[Tensor, Tensor]:  # (B, H, W, 3 [+ 1] + F): Σ w·(rgb, z, features); (B, H, W, 1) alpha
    """Render in single precision with the compiled kernels. Gradients reach the first six arguments."""
    camera = _Camera(view_matrix, intrinsics, width, height, near)
    return _Rasterize.apply(means, quaternions, scales, opacities, sh, features, camera, with_depth)


class _Camera:
    """The camera as the kernels take it."""

    def __init__(self, view_matrix: Tensor, intrinsics: Tensor, width: int, height: int, near: float) -> None:
        self.view = np.ascontiguousarray(view_matrix.detach().numpy(), np.float64)
        self.intrinsics = np.ascontiguousarray(intrinsics.detach().numpy(), np.float64)
        self.place = np.ascontiguousarray(np.linalg.inv(self.view)[:3, 3])
        self.width, self.height, self.near = int(width), int(height), float(near)  # one signature a kernel


class _Rasterize(torch.autograd.Function):
    """Project and shade → list tiles → sort → composite, and the same way back."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        *tensors, camera, with_depth = inputs
        means, quaternions, scales, opacities, sh, features = arrays = [array(tensor) for tensor in tensors]
        frames, splats = means.shape[:2]
        width, height = camera.width, camera.height
        geometry = np.empty((frames, splats, GEOMETRY_WIDTH))
        depth = np.empty((frames, splats), np.float32)
        bounds = np.empty((frames, splats), np.int64)
        channels = np.empty((frames, splats, 3 + with_depth + features.shape[2]), np.float32)
        image = np.empty((frames, height, width, channels.shape[2]), np.float32)
        transmittance = np.empty((frames, height, width), np.float32)
        last = np.empty((frames, height, width), np.float32)
        run(
            prepare_splats, -(-frames * splats // CHUNK),
            means, quaternions, scales, opacities, sh, features, camera.view, camera.place, camera.intrinsics,
            width, height, camera.near, with_depth, geometry, depth, bounds, channels,
        )  # fmt: skip
        tiles = _Tiles(geometry, depth, bounds, width, height)
        run(
            composite, len(tiles.order),
            geometry, channels, tiles.start, tiles.splat_of, tiles.order, image, transmittance, last,
        )  # fmt: skip
        ctx.save_for_backward(*tensors)
        ctx.state = arrays, camera, with_depth, geometry, channels, tiles, transmittance, last
        alpha = torch.from_numpy(1 - transmittance)[..., None]
        dtype = tensors[0].dtype
        return torch.from_numpy(image).to(dtype), alpha.to(dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors  # raises when an input was changed in place since the forward pass
        arrays, camera, with_depth, geometry, channels, tiles, transmittance, last = ctx.state
        means, quaternions, scales, opacities, sh, features = arrays
        d_image, d_alpha = array(outputs[0]), array(outputs[1][..., 0])
        slot_gradients = np.empty((tiles.slots, D_CHANNELS + channels.shape[2]), np.float32)
        d_means, d_quaternions, d_scales = np.empty_like(means), np.empty_like(quaternions), np.empty_like(scales)
        d_opacities, d_sh, d_features = np.empty_like(opacities), np.empty_like(sh), np.empty_like(features)
        run(
            composite_backward, len(tiles.order),
            geometry, channels, tiles.start, tiles.splat_of, tiles.slot_of, tiles.order, transmittance, last,
            d_image, d_alpha, slot_gradients,
        )  # fmt: skip
        run(
            splats_backward, -(-means.shape[1] // CHUNK),
            means, quaternions, scales, sh, camera.view, camera.place, camera.intrinsics, camera.width, camera.height,
            with_depth, geometry, channels, tiles.first_slot, tiles.slot_count, slot_gradients,
            d_means, d_quaternions, d_scales, d_opacities, d_sh, d_features,
        )  # fmt: skip
        gradients = (d_means, d_quaternions, d_scales, d_opacities, d_sh, d_features)
        return (*(torch.from_numpy(gradient) for gradient in gradients), None, None)


class _Tiles:
    """The splats of each tile, front to back."""

    def __init__(
        self,
        geometry: np.ndarray,  # (B, N, 8)
        depth: np.ndarray,  # (B, N) float32
        bounds: np.ndarray,  # (B, N) int64
        width: int,
        height: int,
    ) -> None:
        frames = geometry.shape[0]
        ends = np.cumsum(bounds.reshape(-1))
        self.slots = int(ends[-1]) if ends.size else 0
        if self.slots > np.iinfo(np.int32).max:
            raise ValueError(f"{self.slots} meetings of splats with tiles: the splats are too large or too many")
        self.first_slot = ends.reshape(bounds.shape) - bounds
        self.slot_count = np.empty(bounds.shape, np.int32)
        tile_of_slot = np.empty(self.slots, np.int32)
        run(
            list_tiles, -(-bounds.size // CHUNK),
            geometry, self.first_slot, width, height, tile_of_slot, self.slot_count,
        )  # fmt: skip
        frame_start = np.zeros(frames + 1, np.int64)
        np.cumsum(self.slot_count.sum(1, dtype=np.int64), out=frame_start[1:])
        tiles = -(-width // TILE) * -(-height // TILE)
        self.start = np.empty(frames * tiles + 1, np.int64)
        self.splat_of = np.empty(frame_start[-1], np.int32)
        self.slot_of = np.empty(frame_start[-1], np.int32)
        run(
            sort_into_tiles, frames,
            depth.view(np.uint32), self.first_slot, self.slot_count, tile_of_slot, frame_start, self.start,
            self.splat_of, self.slot_of,
        )  # fmt: skip
        self.order = np.argsort(-np.diff(self.start), kind="stable")
