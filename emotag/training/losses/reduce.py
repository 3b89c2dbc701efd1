"""Means over the frames or pixels that count."""

from torch import Tensor


def weighted_mean(
    values: Tensor,  # any shape
    weights: Tensor | None,  # broadcastable to `values`; bool or any non-negative numbers
) -> Tensor:  # ()
    """Mean of `values` weighted by `weights`; 0 (with a zero gradient) when nothing counts.

    Values without weight take no part even when they are NaN or infinite, as labels of failed frames can be.
    """
    if weights is None:
        return values.mean()
    weights = weights.to(values).expand_as(values)
    counted = values.masked_fill(weights == 0, 0.0)
    return (counted * weights).sum() / weights.sum().clamp_min(1e-12)
