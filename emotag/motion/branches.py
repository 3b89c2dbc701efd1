"""The branches of the motion network: base, residual (EMO encoder and decoder) and gate (EmoTaG §3.2.2)."""

import torch
from torch import Tensor, nn

from emotag.motion.encoder import EXPANSION, mlp
from emotag.motion.guidance import N_EMOTIONS
from emotag.motion.motion import MotionPart


class MotionHead(nn.Module):
    """A hidden feature → expression, jaw, mouth code. Expression and jaw start at 0: training begins at the neutral."""

    def __init__(self, inputs: int, n_expression: int, mouth_code: int, dropout: float) -> None:
        super().__init__()
        self.sizes = (n_expression, 3, mouth_code)
        self.trunk = nn.Sequential(nn.Linear(inputs, EXPANSION * inputs), nn.GELU(), nn.Dropout(dropout))
        self.face = nn.Linear(EXPANSION * inputs, n_expression + 3)
        self.mouth = nn.Linear(EXPANSION * inputs, mouth_code)
        nn.init.zeros_(self.face.weight)
        nn.init.zeros_(self.face.bias)

    def forward(
        self,
        features: Tensor,  # (..., inputs)
    ) -> MotionPart:
        """Give one branch's motion, expression and jaw on a unit scale."""
        hidden = self.trunk(features)
        expression, jaw = self.face(hidden).split(self.sizes[:2], dim=-1)
        return MotionPart(expression, jaw, self.mouth(hidden))


class ResidualBranch(nn.Module):
    """[A~; E~] → EMO encoder → z_e = [7 logits | style] → EMO decoder → δ_r."""

    def __init__(self, width: int, style_dim: int, n_expression: int, mouth_code: int, dropout: float) -> None:
        super().__init__()
        self.sizes = (N_EMOTIONS, style_dim)
        latent = N_EMOTIONS + style_dim
        self.encoder = mlp(2 * width, EXPANSION * width, latent)
        self.lift = nn.Linear(latent, width)
        self.decoder = MotionHead(width, n_expression, mouth_code, dropout)

    def forward(
        self,
        streams: Tensor,  # (..., 2 W): A~ and E~
    ) -> tuple[MotionPart, Tensor, Tensor]:  # δ_r, logits (..., 7), style (..., S)
        """Give the residual motion and the latent it was decoded from."""
        latent = self.encoder(streams)
        logits, style = latent.split(self.sizes, dim=-1)
        return self.decoder(torch.nn.functional.gelu(self.lift(latent))), logits, style


class GateBranch(nn.Module):
    """[A~; E~] → g ∈ [0, 1], one scalar a frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = mlp(2 * width, width, 1)

    def forward(
        self,
        streams: Tensor,  # (..., 2 W)
    ) -> Tensor:  # (...)
        """Give the gate."""
        return torch.sigmoid(self.mlp(streams).squeeze(-1))
