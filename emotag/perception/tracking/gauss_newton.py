"""Damped Gauss-Newton in a box, for costs with robust weights."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from emotag.perception.tracking.boxed import System, solve_boxed

_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-4, 1e-9, 1e4
_EASIER, _HARDER = 0.1, 10.0


class Problem(Protocol):
    """A sum of weighted squares and priors over a tensor of unknowns."""

    low: Tensor  # the box, in the unknowns' shape or broadcastable to it
    high: Tensor

    def linearise(self, x: Tensor) -> tuple[System, Tensor, float]:
        """Renew the robust weights at x; give the normal equations, the gradient and the cost."""
        ...

    def cost(self, x: Tensor) -> float:
        """Give the cost with the weights of the last `linearise`."""
        ...


@dataclass(frozen=True)
class Minimum:
    """Where the iteration stopped."""

    x: Tensor
    cost: float
    steps: int
    converged: bool


def minimise(problem: Problem, x: Tensor, iterations: int, tolerance: float) -> Minimum:
    """Minimise from x. Stops when a step promises to lower the cost by less than the fraction `tolerance`."""
    x = x.clamp(problem.low, problem.high)
    damping, cost = _DAMPING, float("nan")
    for step in range(1, iterations + 1):
        system, gradient, cost = problem.linearise(x)
        slope = _array(gradient)
        low, high = _array(problem.low - x), _array(problem.high - x)
        while damping < _MOST_DAMPING:
            move = solve_boxed(system, slope, low, high, damping)
            promise = -float((slope * move).sum() + 0.5 * (move * system.apply(move)).sum())
            trial = (x + torch.from_numpy(move).to(x)).clamp(problem.low, problem.high)  # rounding
            value = problem.cost(trial)
            if value < cost:
                x, cost = trial, value
                damping = max(damping * _EASIER, _LEAST_DAMPING)
                break
            if promise < tolerance * cost:
                break
            damping *= _HARDER
        if not promise >= tolerance * cost:
            return Minimum(x, cost, step, True)
    return Minimum(x, cost, iterations, False)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy()
