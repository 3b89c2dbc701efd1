"""Splats on posed heads, ready for the rasterizer: by a fused kernel on CUDA, by `Splats.pose` elsewhere."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from emotag.fused import can_fuse
from emotag.motion.mouth import MouthOffsets
from emotag.splats.rasterize import camera_place, splat_normals
from emotag.splats.splats import Splats, turning

_FORWARD_BLOCK, _BACKWARD_BLOCK = 128, 64  # splats of a program


@dataclass(frozen=True)
class PosedSplats:
    """Where the splats of B frames are, in the world."""

    means: Tensor  # (B, N, 3) metres
    quaternions: Tensor  # (B, N, 4) w x y z
    scales: Tensor  # (B, N, 3) metres
    normals: Tensor | None = None  # (B, N, 3) unit, towards the camera


def pose_splats(
    splats: Splats,
    vertices: Tensor,  # (B, V, 3) metres
    faces: Tensor,  # (F, 3)
    rotation: Tensor,  # (B, 3) axis-angle of the head, or its matrices (B, 3, 3)
    offsets: MouthOffsets | None = None,
    view_matrix: Tensor | None = None,  # (4, 4) world → camera; given when normals are wanted
) -> PosedSplats:
    """Carry the splats to posed heads (Eq. 7), add the mouth's offsets (Eq. 8), and give normals when asked.

    Differentiable in the vertices, the splats and the offsets; on CUDA not in `rotation`, which tracking gives.
    """
    moving = offsets if offsets is not None and len(splats.mouth) else None
    if can_fuse(vertices, splats.means, *(moving or ())) and not rotation.requires_grad:
        return _fused(splats, vertices, faces, rotation, moving, view_matrix)
    return pose_splats_reference(splats, vertices, faces, rotation, moving, view_matrix)


def pose_splats_reference(
    splats: Splats,
    vertices: Tensor,
    faces: Tensor,
    rotation: Tensor,
    offsets: MouthOffsets | None = None,
    view_matrix: Tensor | None = None,
) -> PosedSplats:
    """Compute `pose_splats` by PyTorch's own operations, on any device."""
    means, quaternions, scales = splats.pose(vertices, faces, rotation, offsets)
    normals = None if view_matrix is None else splat_normals(quaternions, scales, means, view_matrix)
    return PosedSplats(means, quaternions, scales, normals)


def _fused(
    splats: Splats,
    vertices: Tensor,
    faces: Tensor,
    rotation: Tensor,
    offsets: MouthOffsets | None,
    view_matrix: Tensor | None,
) -> PosedSplats:
    corners, slots = splats.layout(faces)
    nothing = vertices.new_empty(0)
    heads = nothing if offsets is None else turning(rotation)
    camera = nothing if view_matrix is None else camera_place(view_matrix)
    shifts, turns, stretches = offsets if offsets is not None else (nothing, nothing, nothing)
    posed = _Pose.apply(
        vertices, splats.means, splats.quaternions, splats.log_scales, shifts, turns, stretches,
        corners, slots, heads, camera,
    )  # fmt: skip
    means, quaternions, scales, normals = posed
    return PosedSplats(means, quaternions, scales, None if view_matrix is None else normals)


class _Pose(torch.autograd.Function):
    """One kernel forward, one backward, which works out the triangles' frames again."""

    @staticmethod
    def forward(
        ctx: Any,
        vertices: Tensor,  # (B, V, 3)
        means: Tensor,  # (N, 3)
        quaternions: Tensor,  # (N, 4)
        log_scales: Tensor,  # (N, 3)
        shifts: Tensor,  # (B, M, 3); empty: no offsets
        turns: Tensor,  # (B, M, 4)
        stretches: Tensor,  # (B, M, 3)
        corners: Tensor,  # (3, N) int32
        slots: Tensor,  # (N,) int32
        heads: Tensor,  # (B, 3, 3)
        camera: Tensor,  # (3,); empty: no normals
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        from emotag.splats.pose_kernels import pose_forward

        frames, vertex_count = vertices.shape[:2]
        count = len(means)
        inputs = [
            tensor.contiguous()
            for tensor in (
                vertices, corners, means, quaternions, log_scales, slots, shifts, turns, stretches, heads, camera
            )
        ]  # fmt: skip
        posed = [vertices.new_empty(frames, count, channels) for channels in (3, 4, 3)]
        posed.append(vertices.new_empty((frames, count, 3) if camera.numel() else (0,)))
        mouth_count = shifts.shape[1] if shifts.numel() else 0
        pose_forward[(-(-count // _FORWARD_BLOCK), frames)](
            *inputs, *posed, count, vertex_count, mouth_count,
            MOUTH=mouth_count > 0, NORMALS=camera.numel() > 0, BLOCK=_FORWARD_BLOCK,
        )  # fmt: skip
        ctx.save_for_backward(*inputs)
        return posed[0], posed[1], posed[2], posed[3]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *by_posed: Tensor) -> tuple[Tensor | None, ...]:
        from emotag.splats.pose_kernels import pose_backward

        inputs = ctx.saved_tensors
        vertices, _, means, quaternions, log_scales, _, shifts, turns, stretches, _, camera = inputs
        frames, vertex_count = vertices.shape[:2]
        count, mouth_count = len(means), shifts.shape[1] if shifts.numel() else 0
        to_vertices = ctx.needs_input_grad[0]
        by_vertices = torch.zeros_like(vertices) if to_vertices else vertices.new_empty(0)
        by_splats = [torch.empty_like(tensor) for tensor in (means, quaternions, log_scales)]
        by_offsets = [torch.empty_like(tensor) for tensor in (shifts, turns, stretches)]
        pose_backward[(-(-count // _BACKWARD_BLOCK),)](
            *inputs, *(gradient.contiguous() for gradient in by_posed), *by_splats, by_vertices, *by_offsets,
            frames, count, vertex_count, mouth_count, MOUTH=mouth_count > 0, NORMALS=camera.numel() > 0,
            VERTICES=to_vertices, BLOCK=_BACKWARD_BLOCK,
        )  # fmt: skip
        to_offsets = by_offsets if mouth_count else [None] * 3
        return by_vertices if to_vertices else None, *by_splats, *to_offsets, None, None, None, None
