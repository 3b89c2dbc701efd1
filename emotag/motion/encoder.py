"""Encoders of the two streams: audio (temporal CNN → MLP → Transformer) and expression (MLP)."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 2
"""Hidden channels of an MLP, in widths."""


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two linear layers with GELU between."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


def dilations(reach: int) -> list[int]:
    """Dilations of kernel-3 convolutions that together see `reach` frames to each side: 8 gives [1, 2, 4, 1]."""
    found: list[int] = []
    step = 1
    while reach > 0:
        step = min(step, reach)
        found.append(step)
        reach -= step
        step = 2 * step if reach >= 2 * step else reach
    return found


class TemporalCNN(nn.Module):
    """The per-frame audio window of AD-NeRF, computed for all frames at once: residual dilated convolutions.

    A frame sees `reach` frames to each side; beyond the ends of the sequence stands the corpus' mean (zero, as inputs
    are standardised).
    """

    def __init__(self, inputs: int, width: int, reach: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=step, dilation=step) for step in dilations(reach)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        features: Tensor,  # (B, T, inputs)
    ) -> Tensor:  # (B, T, width)
        """Mix neighbouring frames."""
        x = self.project(features).transpose(1, 2)
        for convolution in self.convolutions:
            x = x + self.dropout(convolution(F.gelu(x)))
        return x.transpose(1, 2)


class RelativeBias(nn.Module):
    """What attention adds for the distance between two frames: learned per head and signed distance.

    A window is an arbitrary cut of a clip, so only distances mean something. Starts as ALiBi's linear penalties (Press
    et al., 2022): each head looks nearby first, at its own range. Distances beyond the window share the last entry.
    """

    def __init__(self, heads: int, window: int) -> None:
        super().__init__()
        self.limit = window - 1
        distance = torch.arange(-self.limit, self.limit + 1).abs()
        slope = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
        self.table = nn.Parameter(-slope[:, None] * distance)  # (heads, 2 window − 1)

    def forward(self, length: int) -> Tensor:  # (heads, T, T)
        """Give the bias for a sequence of `length` frames."""
        return self.table[:, _distances(length, self.limit, self.table.device)]


@lru_cache(maxsize=64)
def _distances(length: int, limit: int, device: torch.device) -> Tensor:  # (T, T)
    """Signed distances between frames, at most `limit`, as entries of a table that starts at −limit."""
    frame = torch.arange(length, device=device)
    return (frame[None] - frame[:, None]).clamp(-limit, limit) + limit


class TransformerLayer(nn.Module):
    """Pre-norm self-attention with a relative bias, then an MLP."""

    def __init__(self, width: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.bias = RelativeBias(heads, window)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = mlp(width, EXPANSION * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,  # (B, T, W)
    ) -> Tensor:  # (B, T, W)
        """Attend over the window."""
        batch, length, width = x.shape
        projected = self.query_key_value(self.attention_norm(x))
        query, key, value = projected.reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # (B, h, T, W/h)
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=self.bias(length)[None], dropout_p=self.dropout if self.training else 0.0
        )
        x = x + self.drop(self.out(attended.transpose(1, 2).reshape(batch, length, width)))
        return x + self.drop(self.mlp(self.mlp_norm(x)))


class AudioEncoder(nn.Module):
    """Audio features → A: temporal CNN → MLP → Transformer encoder (EmoTaG §3.2.1), on a unit scale per frame."""

    def __init__(
        self, inputs: int, width: int, reach: int, layers: int, heads: int, window: int, dropout: float
    ) -> None:
        super().__init__()
        self.cnn = TemporalCNN(inputs, width, reach, dropout)
        self.mlp = mlp(width, EXPANSION * width, width)
        self.layers = nn.Sequential(*(TransformerLayer(width, heads, window, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        audio: Tensor,  # (B, T, Da) standardised
    ) -> Tensor:  # (B, T, W)
        """Encode a window."""
        return self.norm(self.layers(self.mlp(self.cnn(audio))))


class ExpressionEncoder(nn.Module):
    """Upper-face action units → E: an MLP per frame (EmoTaG §3.2.1), on a unit scale per frame."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.mlp = mlp(inputs, EXPANSION * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        expression_feature: Tensor,  # (B, T, De) standardised
    ) -> Tensor:  # (B, T, W)
        """Encode each frame."""
        return self.norm(self.mlp(expression_feature))
