"""The splats of one person, bound to the triangles of the head (EmoTaG §3.1)."""

import torch
from torch import Tensor, nn

from emotag.head.rotation import axis_angle_to_matrix, quaternion_multiply
from emotag.motion.mouth import MouthOffsets
from emotag.splats.rig import to_world, triangle_frames

SH_DC = 0.28209479177387814
"""The constant of the degree-0 spherical harmonic: colour = SH_DC · coefficient + 0.5."""


class Splats(nn.Module):
    """Positions, rotations, sizes, opacities and colours, stored in the frames of the triangles they ride on."""

    binding: Tensor  # (N,) triangle of each splat
    mouth: Tensor  # (M,) indices of the mouth splats
    mouth_rest: Tensor  # (M, 3) their positions on the person's neutral head, metres

    def __init__(self, count: int, mouth_count: int, sh_coefficients: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(count, 3))
        self.quaternions = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.log_scales = nn.Parameter(torch.zeros(count, 3))
        self.opacity_logits = nn.Parameter(torch.zeros(count))
        self.sh = nn.Parameter(torch.zeros(count, sh_coefficients, 3))
        self.register_buffer("binding", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("mouth", torch.zeros(mouth_count, dtype=torch.int64))
        self.register_buffer("mouth_rest", torch.zeros(mouth_count, 3))
        self._layout: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    @property
    def opacities(self) -> Tensor:
        """(N,) in [0, 1]."""
        return self.opacity_logits.sigmoid()

    @property
    def scales(self) -> Tensor:
        """(N, 3) in units of the triangle."""
        return self.log_scales.exp()

    def layout(
        self,
        faces: Tensor,  # (F, 3)
    ) -> tuple[Tensor, Tensor]:  # (3, N) int32, (N,) int32
        """Give the vertices of each splat's triangle, and its place among the mouth splats (−1: none).

        Both are kept, since faces and binding do not change while a person trains or speaks.
        """
        key = (faces.data_ptr(), self.binding.data_ptr(), self.binding._version, self.mouth._version)
        if self._layout is None or self._layout[0] != key:
            slots = torch.full_like(self.binding, -1)
            slots[self.mouth] = torch.arange(len(self.mouth), device=slots.device)
            corners = faces[self.binding].T.to(torch.int32).contiguous()
            self._layout = (key, corners, slots.to(torch.int32))
        return self._layout[1], self._layout[2]

    def pose(
        self,
        vertices: Tensor,  # (B, V, 3) metres
        faces: Tensor,  # (F, 3)
        rotation: Tensor,  # (B, 3) axis-angle or (B, 3, 3): how the head is turned, the frame of the mouth offsets
        offsets: MouthOffsets | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # means (B, N, 3), quaternions (B, N, 4), scales (B, N, 3), world
        """Carry the splats to posed heads (Eq. 7) and add the predicted offsets to the mouth splats (Eq. 8)."""
        frames = triangle_frames(vertices, faces[self.binding])
        unit = nn.functional.normalize(self.quaternions, dim=-1)
        means, quaternions, scales = to_world(frames, self.means, unit, self.scales)
        if offsets is None or len(self.mouth) == 0:
            return means, quaternions, scales
        turn = turning(rotation)[:, None]  # (B, 1, 3, 3)
        shift = (turn @ offsets.position[..., None]).squeeze(-1)
        means = means.index_add(1, self.mouth, shift)
        # Δr acts in the splat's own frame, so that it does not depend on how the head is turned.
        turn_by = nn.functional.normalize(
            torch.cat((1 + offsets.rotation[..., :1], offsets.rotation[..., 1:]), -1), dim=-1
        )
        turned = quaternion_multiply(quaternions[:, self.mouth], turn_by)
        grown = scales[:, self.mouth] * offsets.scale.exp()
        return means, quaternions.index_copy(1, self.mouth, turned), scales.index_copy(1, self.mouth, grown)


def turning(
    rotation: Tensor,  # (B, 3) axis-angle, radians, or (B, 3, 3)
) -> Tensor:  # (B, 3, 3)
    """Give rotations as matrices."""
    return rotation if rotation.ndim == 3 else axis_angle_to_matrix(rotation)
