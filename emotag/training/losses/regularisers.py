"""Terms that keep splats at their triangles, mouth offsets small and motion near what was tracked."""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.head.ibug68 import EYES, LOWER_INNER_LIP, LOWER_LID, MOUTH, UPPER_INNER_LIP, UPPER_LID
from emotag.motion.mouth import MouthOffsets
from emotag.training.losses.reduce import known, weighted_mean

POSITION_LIMIT = 1.0
"""Distance from its triangle's centre, in units of the triangle, that costs a splat nothing."""

RIM_UNIT = 0.002
"""Metres that count as one unit of error of lips and lids: they move a few millimetres."""

_LIP_ROWS = [[point - MOUTH.start for point in rim] for rim in (UPPER_INNER_LIP, LOWER_INNER_LIP)]
_LID_ROWS = [[point - EYES.start for point in rim] for rim in (UPPER_LID, LOWER_LID)]
"""Facing points among the 20 of the lips and the 12 of the lids: the upper ones, then the lower ones."""

_TINY = 1e-6  # metres: keeps the distance's gradient finite where both agree

SCALE_LIMIT = 0.6
"""Size in units of the triangle that costs a splat nothing."""


def position_penalty(
    means: Tensor,  # (N, 3) in units of the splat's triangle
    visible: Tensor | None = None,  # (N,) bool
) -> Tensor:  # ()
    """Mean ReLU(‖μ_l‖ − 1) over visible splats (GaussianAvatars)."""
    return weighted_mean(F.relu(torch.linalg.vector_norm(means, dim=-1) - POSITION_LIMIT), visible)


def scale_penalty(
    log_scales: Tensor,  # (N, 3) log of the size in units of the splat's triangle
    visible: Tensor | None = None,  # (N,) bool
) -> Tensor:  # ()
    """Mean over visible splats of ‖ReLU(exp(s_l) − 0.6)‖ (GaussianAvatars)."""
    excess = F.relu(log_scales.exp() - SCALE_LIMIT)
    return weighted_mean(torch.linalg.vector_norm(excess, dim=-1), visible)


def mouth_penalty(
    offsets: MouthOffsets,  # (B, M, ...)
    limits: Tensor,  # (10,) MouthDecoder.limits
) -> Tensor:  # ()
    """Mean square of the mouth splats' offsets, each channel in units of its largest value."""
    return (torch.cat(tuple(offsets), dim=-1) / limits).square().mean()


def track_loss(
    expression: Tensor,  # (..., E) predicted offsets of Ψ
    jaw: Tensor,  # (..., 3) predicted, radians
    tracked_expression: Tensor,  # (..., E) tracked Ψ − the person's neutral
    tracked_jaw: Tensor,  # (..., 3) radians
    expression_scale: Tensor,  # (E,) one standard unit of each channel
    jaw_scale: Tensor,  # (3,) radians
    valid: Tensor | None = None,  # (...) bool: tracked frames
) -> Tensor:  # ()
    """Huber loss of expression plus that of the jaw, in standard units: quadratic within one, linear beyond.

    Expression and jaw each count as one mean, however many expressions the head has (METHOD.md, open point 7).
    """
    channel = None if valid is None else valid[..., None]
    face = _huber(expression, known(tracked_expression, channel), expression_scale)
    mandible = _huber(jaw, known(tracked_jaw, channel), jaw_scale)
    return weighted_mean(face, channel) + weighted_mean(mandible, channel)


def _huber(values: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    return F.smooth_l1_loss(values / scale, target / scale, reduction="none")


def lip_loss(
    points: Tensor,  # (..., T, L, 3) metres, predicted lip landmarks
    tracked: Tensor,  # (..., T, L, 3) metres
    valid: Tensor | None = None,  # (..., T) bool: tracked frames
) -> Tensor:  # ()
    """Mean distance of the lip landmarks (what LMD measures, before rendering) and of their gaps, in units of RIM_UNIT.

    Expression coefficients can stand for one another; the lips they make cannot. Nor is it the same whether both lips
    are a millimetre too high or one of them: the second parts them on a p, b or m, so the gap counts apart.
    """
    distance = _length(points - tracked).mean(-1)
    wrong_gap = _length(lip_gap(points) - lip_gap(tracked)).mean(-1)
    return weighted_mean(distance + wrong_gap, valid) / RIM_UNIT


def lip_gap(
    points: Tensor,  # (..., 20, 3) lip landmarks
) -> Tensor:  # (..., 3, 3) from each lower inner point to the upper one facing it
    """Give the opening between the inner lips."""
    return _apart(points, *_LIP_ROWS)


def lid_loss(
    points: Tensor,  # (..., T, 12, 3) metres, predicted lid landmarks
    tracked: Tensor,  # (..., T, 12, 3) metres
    valid: Tensor | None = None,  # (..., T) bool: tracked frames
) -> Tensor:  # ()
    """Mean error of the opening between the lids, in units of RIM_UNIT.

    A blink is a few frames of one channel among many, too little of any mean over channels for a network to learn it.
    """
    error = _length(lid_gap(points) - lid_gap(tracked)).mean(-1)
    return weighted_mean(error, valid) / RIM_UNIT


def lid_gap(
    points: Tensor,  # (..., 12, 3) lid landmarks
) -> Tensor:  # (..., 4, 3) from each lower point to the upper one facing it, right eye first
    """Give the opening between the lids."""
    return _apart(points, *_LID_ROWS)


def _apart(points: Tensor, upper: list[int], lower: list[int]) -> Tensor:  # (..., L, 3) -> (..., n, 3)
    """Subtract row by row: a list as an index would be copied to the device, which a CUDA graph may not do."""
    rows = points.unbind(-2)
    return torch.stack([rows[above] - rows[below] for above, below in zip(upper, lower, strict=True)], dim=-2)


def _length(vectors: Tensor) -> Tensor:  # (..., 3) -> (...)
    return vectors.square().sum(-1).add(_TINY**2).sqrt()


def smoothness(
    values: Tensor,  # (B, T, C) consecutive frames
    scale: Tensor | None = None,  # (C,) one standard unit of each channel
) -> Tensor:  # ()
    """Mean square of the second difference over time (acceleration), in standard units; 0 for under three frames."""
    if values.shape[1] < 3:
        return values.sum() * 0
    if scale is not None:
        values = values / scale
    return values.diff(n=2, dim=1).square().mean()
