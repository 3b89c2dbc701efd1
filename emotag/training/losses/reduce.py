"""Means over the frames or pixels that count."""

import torch
from torch import Tensor


def weighted_mean(
    values: Tensor,  # any shape
    weights: Tensor | None,  # broadcastable to `values`; bool or any non-negative numbers
) -> Tensor:  # ()
    """Mean of `values` weighted by `weights`; 0 (with a zero gradient) when nothing counts.

    Values without weight take no part even when they are NaN or infinite. Their *gradient* would still be NaN when a
    label is: fill labels with `known` first.
    """
    if weights is None:
        return values.mean()
    weights = weights.to(values).expand_as(values)
    counted = values.masked_fill(weights == 0, 0.0)
    return (counted * weights).sum() / weights.sum().clamp_min(1e-12)


def known(
    labels: Tensor,  # any shape; anything, also NaN, where not valid
    valid: Tensor | None,  # broadcastable to `labels`; bool or weights
) -> Tensor:
    """Give labels with 0 where they are not valid, since failed frames may hold NaN, whose gradient is NaN too."""
    return labels if valid is None else torch.where(valid.bool(), labels, 0.0)
