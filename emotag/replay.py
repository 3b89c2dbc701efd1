"""Functions of tensors that a CUDA device replays as graphs: hundreds of small kernels for the price of one launch."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from emotag.timing import unmeasured

Function = Callable[..., tuple[Tensor, ...]]


class Replay:
    """A function, forward and backward, captured when it is first called and replayed from then on.

    It must do the same work for the same shapes, never ask the device for a number, and find everything that is not an
    argument at the same place each time; `parameters` are the leaves beside the arguments that get gradients. Results
    live until the next call, which overwrites them.
    """

    def __init__(self, function: Function, parameters: Iterable[nn.Parameter] = ()) -> None:
        self._function = function
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._replayed: Callable[..., Any] | None = None

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Give what the function gives for tensors like those of the first call."""
        if self._replayed is None:
            own = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in tensors)
            module = _Captured(self._function, self._parameters)
            # The captured pass keeps the leaves' gradient nodes alive, on the stream of its capture. They do no work of
            # their own there, so what PyTorch warns of costs nothing.
            warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")
            with unmeasured():
                self._replayed = torch.cuda.make_graphed_callables(module, own, allow_unused_input=True)
        results: Any = self._replayed(*tensors)
        return tuple(results)


class _Captured(nn.Module):
    """The function with its parameters, in the form that make_graphed_callables takes."""

    def __init__(self, function: Function, parameters: list[nn.Parameter]) -> None:
        super().__init__()
        self._function = function
        self.leaves = nn.ParameterList(parameters)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Call the function."""
        return self._function(*tensors)
