"""The objective as one number, and the guard against terms that are not numbers."""

from collections.abc import Mapping

import torch
from torch import Tensor


def total(
    terms: Mapping[str, Tensor],  # name -> ()
    weights: Mapping[str, float],
    step: int,
) -> Tensor:  # ()
    """Σ weight · term (EmoTaG Eq. 10). A term of weight 0 takes no part; one without a weight raises KeyError.

    Raises FloatingPointError, naming the step and every term that is NaN or infinite. The check waits for the device
    once, not once a term.
    """
    used = {name: value for name, value in terms.items() if weights[name] != 0}
    if not used:
        raise ValueError(f"step {step}: no term of the objective has a weight")
    values = torch.stack(list(used.values()))
    if not bool(torch.isfinite(values.detach()).all()):
        wrong = ", ".join(f"{name} = {value.item()}" for name, value in used.items() if not torch.isfinite(value))
        raise FloatingPointError(f"step {step}: {wrong}; lower the learning rate or look at the frames of this step")
    return values @ values.new_tensor([weights[name] for name in used])
