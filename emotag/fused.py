"""Whether fused kernels can run: they are written in Triton, which comes with PyTorch's CUDA builds."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


@cache
def has_triton() -> bool:
    """Tell whether Triton is installed. Everything has a plain PyTorch form, which runs where it is not."""
    return find_spec("triton") is not None


def can_fuse(*tensors: Tensor) -> bool:
    """Tell whether all these tensors are float32 on a CUDA device, and Triton is there."""
    return all(tensor.is_cuda and tensor.dtype == torch.float32 for tensor in tensors) and has_triton()
