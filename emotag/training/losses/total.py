"""The objective as one number, and the guard against terms that are not numbers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite

import torch
from torch import Tensor


def total(
    terms: Mapping[str, Tensor],  # name -> ()
    weights: Mapping[str, float],
    step: int,
) -> Tensor:  # ()
    """Σ weight · term (EmoTaG Eq. 10). A term of weight 0 takes no part; one without a weight raises KeyError.

    Raises FloatingPointError, naming the step and every term that is NaN or infinite. That waits for the device:
    a training loop calls `weigh_terms`, and `refuse` when the values have come.
    """
    loss, names, values = weigh_terms(terms, weights)
    refuse(step, names, values.tolist())
    return loss


def weigh_terms(
    terms: Mapping[str, Tensor],  # name -> ()
    weights: Mapping[str, float],
) -> tuple[Tensor, tuple[str, ...], Tensor]:  # (), the n names that take part, (n,) their values, detached
    """Give the objective and the terms it is made of. Raises ValueError when no term has a weight."""
    used = {name: value for name, value in terms.items() if weights[name] != 0}
    if not used:
        raise ValueError("no term of the objective has a weight")
    values = torch.stack(list(used.values()))
    names = tuple(used)
    return values @ _vector(tuple(weights[name] for name in names), values.dtype, values.device), names, values.detach()


def refuse(step: int, names: Sequence[str], values: Sequence[float]) -> None:
    """Raise FloatingPointError, naming the step and every term that is NaN or infinite, if there is one."""
    wrong = ", ".join(f"{name} = {value}" for name, value in zip(names, values) if not isfinite(value))
    if wrong:
        raise FloatingPointError(f"step {step}: {wrong}; lower the learning rate or look at the frames of this step")


@lru_cache(maxsize=256)
def _vector(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)
