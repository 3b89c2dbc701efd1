"""Moving dataclasses of tensors between devices."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value")


def move(value: Value, device: torch.device | str) -> Value:
    """Give `value` with every tensor in it on `device`: dataclasses, dicts, lists and tuples are walked."""
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(value, **{field.name: move(getattr(value, field.name), device) for field in fields(value)})
    elif isinstance(value, dict):
        moved = {key: move(item, device) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        moved = type(value)(move(item, device) for item in value)
    return moved


def choose_device(name: str = "auto") -> torch.device:
    """Give the device of that name; "auto" is CUDA when there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
