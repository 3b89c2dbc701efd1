"""Real spherical harmonics up to degree 3 in 3DGS's order and signs: colour that depends on the viewing direction."""

import math

import torch
from torch import Tensor

C0 = math.sqrt(1 / (4 * math.pi))
C1 = math.sqrt(3 / (4 * math.pi))
C2 = (
    math.sqrt(15 / (4 * math.pi)),
    -math.sqrt(15 / (4 * math.pi)),
    math.sqrt(5 / (16 * math.pi)),
    -math.sqrt(15 / (4 * math.pi)),
    math.sqrt(15 / (16 * math.pi)),
)
C3 = (
    -math.sqrt(35 / (32 * math.pi)),
    math.sqrt(105 / (4 * math.pi)),
    -math.sqrt(21 / (32 * math.pi)),
    math.sqrt(7 / (16 * math.pi)),
    -math.sqrt(21 / (32 * math.pi)),
    math.sqrt(105 / (16 * math.pi)),
    -math.sqrt(35 / (32 * math.pi)),
)
"""Norms of the basis functions, with the Condon–Shortley sign that 3DGS keeps."""

COEFFICIENT_COUNTS = (1, 4, 9, 16)
"""K for the degrees 0, 1, 2, 3."""


def basis(
    directions: Tensor,  # (..., 3) unit vectors
    count: int,  # K: 1, 4, 9 or 16
) -> Tensor:  # (..., K)
    """Evaluate the first K basis functions."""
    if count not in COEFFICIENT_COUNTS:
        raise ValueError(f"spherical harmonics come in {COEFFICIENT_COUNTS} coefficients, not {count}")
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    values = [torch.full_like(x, C0)]
    if count > 1:
        values += [-C1 * y, C1 * z, -C1 * x]
    if count > 4:
        values += [C2[0] * x * y, C2[1] * y * z, C2[2] * (2 * zz - xx - yy), C2[3] * x * z, C2[4] * (xx - yy)]
    if count > 9:
        values += [
            C3[0] * y * (3 * xx - yy),
            C3[1] * x * y * z,
            C3[2] * y * (4 * zz - xx - yy),
            C3[3] * z * (2 * zz - 3 * xx - 3 * yy),
            C3[4] * x * (4 * zz - xx - yy),
            C3[5] * z * (xx - yy),
            C3[6] * x * (xx - 3 * yy),
        ]
    return torch.stack(values, dim=-1)


def colour(
    sh: Tensor,  # (..., K, 3)
    directions: Tensor,  # (..., 3) from the camera to the splat, any length
) -> Tensor:  # (..., 3), >= 0
    """Colour seen along a direction: SH + 0.5, clamped at 0 (3DGS). Leading dimensions broadcast."""
    count = sh.shape[-2]
    if count == 1:
        return (
            (C0 * sh[..., 0, :] + 0.5)
            .clamp_min(0)
            .expand(*torch.broadcast_shapes(sh.shape[:-2], directions.shape[:-1]), 3)
        )
    values = basis(torch.nn.functional.normalize(directions, dim=-1), count)
    return ((values[..., None] * sh).sum(-2) + 0.5).clamp_min(0)


def from_colour(
    rgb: Tensor,  # (..., 3) in [0, 1]
) -> Tensor:  # (..., 3)
    """The degree-0 coefficient that shows a colour in every direction."""
    return (rgb - 0.5) / C0


def to_colour(
    coefficient: Tensor,  # (..., 3) degree 0
) -> Tensor:  # (..., 3) in [0, 1] if it came from there
    """Inverse of `from_colour`."""
    return coefficient * C0 + 0.5
