"""Weights out of a training checkpoint, without running any code that the file names."""

import pickle
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from emotag.errors import InputError


class _Nothing:
    """Stands for whatever else a trainer kept (callbacks, paths, arguments): takes everything, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def read_state(
    path: Path,
    prefix: str,
) -> dict[str, Tensor]:
    """Give the tensors of `state_dict` whose names begin with `prefix`, the prefix taken off, as float32 on the CPU.

    Training frameworks keep objects of their own classes beside the weights. They are read as empty objects: neither
    their packages are needed nor is any of their code run (torch.load's weights_only). Raises InputError when the file
    is missing, names functions of the operating system, or holds no such weights.
    """
    try:
        others = get_unsafe_globals_in_checkpoint(path) if is_zipfile(path) else []
        with safe_globals([(_Nothing, name) for name in others]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; `emotag doctor` says where to get it") from None
    except (OSError, RuntimeError, ValueError, TypeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a checkpoint that can be trusted ({_reason(error)}); get it again") from None
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    found = {
        name.removeprefix(prefix): value.float() if value.is_floating_point() else value
        for name, value in state.items()
        if isinstance(name, str) and name.startswith(prefix) and isinstance(value, Tensor)
    }
    if not found:
        raise InputError(f"{path}: its state_dict has no names that begin with '{prefix}'; is it the right checkpoint?")
    return found


def _reason(error: Exception) -> str:
    """Give the line of torch's long explanations that says what is wrong: the one after its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Weights only load failed", "Check the documentation"))]
    return (told or lines or ["it is damaged"])[0].rstrip(".")
