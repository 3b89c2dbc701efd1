"""Offsets of the mouth splats, decoded from a motion code and the splats' rest positions (EmoTaG Eq. 6, 8)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotag.motion.settings import MotionSettings

CHANNELS = (3, 4, 3)
"""Channels of Δμ, Δr, Δs."""


class MouthOffsets(NamedTuple):
    """What Eq. 8 adds to the mouth splats: μ + Δμ, r + Δr (then renormalised), s + Δs (log-scale)."""

    position: Tensor  # (..., M, 3) metres, the head's canonical frame
    rotation: Tensor  # (..., M, 4) quaternion components w x y z
    scale: Tensor  # (..., M, 3) log-scale


def encode_position(
    position: Tensor,  # (M, 3) metres
    wavelength: float,
    octaves: int,
) -> Tensor:  # (M, 3 + 6 octaves)
    """Encode positions by themselves and by sines and cosines, from `wavelength` metres down, an octave at a time."""
    phase = position * (2 * math.pi / wavelength)
    powers = 2.0 ** torch.arange(octaves, device=position.device, dtype=position.dtype)
    angles = (phase[:, None] * powers[:, None]).flatten(1)  # (M, 3 octaves)
    return torch.cat((phase, angles.sin(), angles.cos()), dim=1)


class MouthDecoder(nn.Module):
    """(base code, residual code, gate) × rest positions → Δμ, Δr, Δs; one network for every identity.

    Low rank in space: an MLP on the encoded rest position gives `mouth_rank` spatial modes of the ten channels
    (`basis`), a code gives their weights. So a head's modes are computed once, and a frame costs one matrix product.
    Both branches share the modes, each bounds its offsets by tanh, and they are fused as δ = δ_b + g · δ_r (Eq. 6).
    The weights' last layers start at zero: training begins with offsets of zero.
    """

    limits: Tensor  # (10,)

    def __init__(self, settings: MotionSettings) -> None:
        super().__init__()
        self.wavelength = settings.mouth_wavelength
        self.octaves = settings.mouth_frequencies
        self.rank = settings.mouth_rank
        width = settings.mouth_width
        self.trunk = nn.Sequential(
            nn.Linear(3 + 6 * self.octaves, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, self.rank * sum(CHANNELS)),
        )
        self.base = nn.Linear(settings.mouth_code, self.rank)
        self.residual = nn.Linear(settings.mouth_code, self.rank) if settings.use_residual else None
        for layer in (self.base, self.residual):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
        bounds = (settings.mouth_shift, settings.mouth_turn / 2, settings.mouth_stretch)
        limits = torch.tensor([bound for bound, count in zip(bounds, CHANNELS) for _ in range(count)])
        self.register_buffer("limits", limits, persistent=False)

    def basis(
        self,
        rest: Tensor,  # (M, 3) metres, the head's canonical frame
    ) -> Tensor:  # (rank, M, 10)
        """Give the spatial modes at rest positions: constant while the network and the splats' rest do not change."""
        modes = self.trunk(encode_position(rest, self.wavelength, self.octaves))
        return modes.reshape(len(rest), self.rank, sum(CHANNELS)).transpose(0, 1)

    def fuse(
        self,
        base_code: Tensor,  # (..., C)
        residual_code: Tensor,  # (..., C)
        gate: Tensor,  # (...)
        basis: Tensor,  # (rank, M, 10)
    ) -> MouthOffsets:
        """Give the offsets for modes computed before."""
        flat = basis.reshape(self.rank, -1)
        shape = (*gate.shape, *basis.shape[1:])
        offset = torch.tanh((self.base(base_code) @ flat).reshape(shape))
        if self.residual is not None:
            residual = torch.tanh((self.residual(residual_code) @ flat).reshape(shape))
            offset = offset + gate[..., None, None] * residual
        return MouthOffsets(*(offset * self.limits).split(CHANNELS, dim=-1))

    def forward(
        self,
        base_code: Tensor,  # (..., C)
        residual_code: Tensor,  # (..., C)
        gate: Tensor,  # (...)
        rest: Tensor,  # (M, 3) metres
    ) -> MouthOffsets:
        """Give the fused offsets of M mouth splats for every frame."""
        return self.fuse(base_code, residual_code, gate, self.basis(rest))
