"""The objective as one number, and the guard against terms that are not numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

import torch
from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """Terms of the objective, side by side."""

    names: tuple[str, ...]
    values: Tensor  # (n,)

    def __add__(self, other: "Terms") -> "Terms":
        return Terms(self.names + other.names, torch.cat((self.values, other.values)))


def total(
    terms: Mapping[str, Tensor],  # name -> ()
    weights: Mapping[str, float],
    step: int,
) -> Tensor:  # ()
    """Σ weight · term (EmoTaG Eq. 10). A term of weight 0 takes no part; one without a weight raises KeyError.

    Raises FloatingPointError, naming the step and every term that is NaN or infinite. That waits for the device:
    a training loop calls `objective`, and `refuse` when the values have come.
    """
    used = stack_terms(terms, weights)
    if not used.names:
        raise ValueError(f"step {step}: no term of the objective has a weight")
    refuse(step, used.names, used.values.tolist())
    return objective(used, weights)


def stack_terms(
    terms: Mapping[str, Tensor],  # name -> (); at least one
    weights: Mapping[str, float],
) -> Terms:
    """Give the terms that have a weight."""
    used = {name: value for name, value in terms.items() if weights[name] != 0}
    values = torch.stack(list(used.values())) if used else next(iter(terms.values())).new_empty(0)
    return Terms(tuple(used), values)


def objective(terms: Terms, weights: Mapping[str, float]) -> Tensor:  # ()
    """Give Σ weight · term (EmoTaG Eq. 10)."""
    values = terms.values
    return values @ _vector(tuple(weights[name] for name in terms.names), values.dtype, values.device)


def refuse(step: int, names: Sequence[str], values: Sequence[float]) -> None:
    """Raise FloatingPointError, naming the step and every term that is NaN or infinite, if there is one."""
    wrong = ", ".join(f"{name} = {value}" for name, value in zip(names, values) if not isfinite(value))
    if wrong:
        raise FloatingPointError(f"step {step}: {wrong}; lower the learning rate or look at the frames of this step")


@lru_cache(maxsize=256)
def _vector(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)
