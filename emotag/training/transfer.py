"""Moving small things between host and device without making either wait for the other."""

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

_copies: WeakIdKeyDictionary = WeakIdKeyDictionary()  # tensor -> (its version, its copy on the host)


def on_host(tensor: Tensor) -> Tensor:
    """Give a copy in host memory, kept for as long as the tensor lives and is not written to."""
    if tensor.device.type == "cpu":
        return tensor
    known = _copies.get(tensor)
    if known is None or known[0] != tensor._version:
        known = (tensor._version, tensor.detach().cpu())
        _copies[tensor] = known
    copy: Tensor = known[1]
    return copy


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the host to a device; the host goes on at once."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Arrival:
    """A tensor on its way from a device to the host."""

    def __init__(self, tensor: Tensor) -> None:
        """Start the copy, after whatever the device was given so far."""
        self._event: torch.cuda.Event | None = None
        self._copy = tensor.detach()
        if tensor.is_cuda:
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor.detach(), non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    @property
    def is_here(self) -> bool:
        """Whether `read` gives the values at once."""
        return self._event is None or self._event.query()

    def read(self) -> list[float]:
        """Give the values, after waiting for them if need be."""
        if self._event is not None:
            self._event.synchronize()
        values: list[float] = self._copy.tolist()
        return values
