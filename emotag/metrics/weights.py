"""Reading the weight files of others."""

from pathlib import Path
from typing import Any

import torch

from emotag.errors import InputError


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a PyTorch file of weights without executing code. Raises InputError when it is something else."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each have their own errors for a bad file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: cannot be read as PyTorch weights ({reason[:120]}); fetch it again") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds no table of weights; fetch it again")
    return state
