"""Splats that ride on triangles: each is stored in its triangle's frame and moves with it (EmoTaG Eq. 7)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.head.rotation import matrix_to_quaternion, quaternion_multiply

_TINY = 1e-12


@dataclass(frozen=True)
class TriangleFrames:
    """A frame per triangle and per posed mesh."""

    rotation: Tensor  # (B, F, 3, 3), columns: along the first edge, the normal, their third
    centre: Tensor  # (B, F, 3) metres
    scale: Tensor  # (B, F) metres

    def select(self, triangles: Tensor) -> "TriangleFrames":
        """Give the frames of `triangles` (N,), so that frame n belongs to splat n."""
        return TriangleFrames(self.rotation[:, triangles], self.centre[:, triangles], self.scale[:, triangles])


def triangle_frames(
    vertices: Tensor,  # (B, V, 3) metres
    faces: Tensor,  # (F, 3)
) -> TriangleFrames:
    """Give rotation R, centre C and isotropic scale k of every triangle.

    Source: the paper's reference [34] (GaussianAvatars): a0 = unit(v1 − v0), a1 = unit(a0 × (v2 − v0)),
    a2 = −unit(a1 × a0); k = (|v1 − v0| + |a2 · (v2 − v0)|) / 2. Degenerate triangles give finite frames.
    """
    first, second, third = (vertices[:, faces[:, corner]] for corner in range(3))
    base, side = second - first, third - first
    length = base.square().sum(-1, keepdim=True).add(_TINY).sqrt()
    a0 = base / length
    a1 = _unit(torch.linalg.cross(a0, side))
    a2 = torch.linalg.cross(a0, a1)
    height = (a2 * side).sum(-1).abs()
    return TriangleFrames(
        rotation=torch.stack((a0, a1, a2), dim=-1),
        centre=(first + second + third) / 3,
        scale=(length.squeeze(-1) + height) / 2,
    )


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.square().sum(-1, keepdim=True).add(_TINY).sqrt()


def to_world(
    frames: TriangleFrames,  # one frame a splat: (B, N, …)
    means: Tensor,  # (N, 3) in units of the triangle
    quaternions: Tensor,  # (N, 4) w x y z
    scales: Tensor,  # (N, 3) in units of the triangle
) -> tuple[Tensor, Tensor, Tensor]:  # (B, N, 3) metres, (B, N, 4), (B, N, 3) metres
    """Carry local splats to the posed mesh: μ = k R μ_l + C, r = R r_l, s = k s_l (EmoTaG Eq. 7)."""
    size = frames.scale[..., None]
    world_means = size * (frames.rotation @ means[..., None]).squeeze(-1) + frames.centre
    world_quaternions = quaternion_multiply(matrix_to_quaternion(frames.rotation), quaternions)
    return world_means, world_quaternions, size * scales


def to_local(
    frames: TriangleFrames,  # one frame a splat, a single mesh: (1, N, …)
    points: Tensor,  # (N, 3) metres
) -> Tensor:  # (N, 3) in units of the triangle
    """Invert the position part of `to_world` for one mesh."""
    offset = points - frames.centre[0]
    return (frames.rotation[0].transpose(-1, -2) @ offset[..., None]).squeeze(-1) / frames.scale[0, :, None]
