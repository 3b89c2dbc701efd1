"""Adaptive instance normalisation: the identity modulates a stream (EmoTaG Eq. 4–5)."""

import torch
from torch import Tensor, nn


def instance_norm(
    features: Tensor,  # (B, T, C)
    floor: float,
) -> Tensor:  # (B, T, C)
    """Remove each channel's mean over time and divide by its standard deviation over time.

    `floor` is a standard deviation: √(σ² + floor²) divides, so a channel that is constant in a window (silence, a held
    expression) gives 0 with finite gradients, and faint noise is amplified at most 1 / floor times.
    """
    variance, mean = torch.var_mean(features, dim=1, correction=0, keepdim=True)
    return (features - mean) * (variance + floor * floor).rsqrt()


def adain(
    features: Tensor,  # (B, T, C)
    gamma: Tensor,  # (B, C)
    beta: Tensor,  # (B, C)
    floor: float,
) -> Tensor:  # (B, T, C)
    """F~ = γ · InstanceNorm(F) + β (EmoTaG Eq. 4–5)."""
    return gamma[:, None] * instance_norm(features, floor) + beta[:, None]


class AdaIN(nn.Module):
    """Modulate one stream by an identity: F~ = γ(s) · N(F) + β(s).

    N is InstanceNorm over time when `keep_level` is false, which is the paper's Eq. 4. Over a window of a few seconds
    that also erases what is constant there: a held smile, an angry voice, the closed mouth of a silence. With
    `keep_level`, N(F) = (1 − ρ) · InstanceNorm(F) + ρ · F with one learned ρ ∈ (0, 1) a channel: batch-instance
    normalisation (Nam and Kim, 2018), where F is already on the corpus' scale.

    γ and β come from an MLP on the identity feature and start at 1 and 0. While training, a share `dropout` of the
    windows is modulated by γ = 1, β = 0, so that this stays a sensible place for a person never seen.
    """

    def __init__(
        self, channels: int, identity_dim: int, hidden: int, floor: float, keep_level: bool, dropout: float
    ) -> None:
        super().__init__()
        self.floor = floor
        self.dropout = dropout
        self.level = nn.Parameter(torch.zeros(channels)) if keep_level else None  # logit of ρ: 0.5 at the start
        self.modulation = nn.Sequential(
            nn.LayerNorm(identity_dim, elementwise_affine=False),  # embeddings come in any norm
            nn.Linear(identity_dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, 2 * channels),
        )
        last = self.modulation[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def gamma_beta(
        self,
        identity: Tensor,  # (B, Di)
    ) -> tuple[Tensor, Tensor]:  # (B, C), (B, C)
        """Give the modulation of an identity."""
        offset = self.modulation(identity)
        if self.training and self.dropout > 0:
            offset = offset * (torch.rand(len(offset), 1, device=offset.device) >= self.dropout)
        gamma, beta = offset.chunk(2, dim=-1)
        return 1 + gamma, beta

    def normalise(
        self,
        features: Tensor,  # (B, T, C)
    ) -> Tensor:  # (B, T, C)
        """Give N(F), which does not depend on the identity."""
        normal = instance_norm(features, self.floor)
        if self.level is None:
            return normal
        share = torch.sigmoid(self.level)
        return (1 - share) * normal + share * features

    def modulate(
        self,
        normalised: Tensor,  # (B, T, C) N(F)
        identity: Tensor,  # (B, Di)
    ) -> Tensor:  # (B, T, C)
        """Give γ(s) · N(F) + β(s)."""
        gamma, beta = self.gamma_beta(identity)
        return gamma[:, None] * normalised + beta[:, None]

    def forward(
        self,
        features: Tensor,  # (B, T, C)
        identity: Tensor,  # (B, Di)
    ) -> Tensor:  # (B, T, C)
        """Modulate a stream by an identity."""
        return self.modulate(self.normalise(features), identity)
