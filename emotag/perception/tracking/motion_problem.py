"""The motion of a clip as a problem for Gauss-Newton: landmarks, pictures, priors, smoothness."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from emotag.perception.tracking.energy import DataTerm, Prior, rows
from emotag.perception.tracking.rig import LandmarkRig
from emotag.perception.tracking.systems import BandedSystem

_BATCH = 64  # frames whose Jacobian is held at once


class FrameTerm(Protocol):
    """Another cost of every frame's motion, of its own."""

    def linearise(self, x: Tensor) -> tuple[Tensor, Tensor, float]:  # (T, P)
        """Renew the weights; give Hessian blocks (T, P, P), gradient (T, P) and the cost."""
        ...

    def cost(self, x: Tensor) -> float:  # (T, P)
        """Give the cost with the weights of the last `linearise`."""
        ...


class MotionProblem:
    """Unknowns are the motions (T, P) of all frames."""

    def __init__(
        self,
        rig: LandmarkRig,  # of a person
        data: DataTerm,
        prior: Prior,
        smoothness: Tensor,  # (P,) precision of second differences in time, 0 for none
        others: Sequence[FrameTerm] = (),
    ) -> None:
        self.low, self.high = prior.low, prior.high
        self._rig, self._data, self._prior, self._smoothness = rig, data, prior, smoothness
        self._others = others
        self._root_weights: list[tuple[Tensor, ...]] = []

    def with_terms(self, *others: FrameTerm, firmness: Tensor | float = 1.0) -> "MotionProblem":
        """Give the same problem with other terms beside the landmarks, and its smoothness times factors (P,)."""
        return MotionProblem(self._rig, self._data, self._prior, firmness * self._smoothness, others)

    def linearise(self, x: Tensor) -> tuple[BandedSystem, Tensor, float]:
        """Give the block-banded normal equations, the gradient (T, P) and the cost."""
        blocks, gradients, cost = [], [], 0.0
        self._root_weights = []
        for part in _batches(len(x)):
            term = rows(self._rig, x[part], self._data.select(part), derivatives=True)
            assert term.jacobian is not None
            transposed = term.jacobian.transpose(1, 2)
            blocks.append((transposed @ term.jacobian).double())
            gradients.append((transposed @ term.residual[..., None]).squeeze(-1))
            self._root_weights.append(term.root_weights)
            cost += 0.5 * float(term.residual.square().sum())
        block, gradient = torch.cat(blocks) + self._prior.precision, torch.cat(gradients) + self._prior.gradient(x)
        for other in self._others:
            more, slope, value = other.linearise(x)
            block, gradient, cost = block + more, gradient + slope, cost + value
        system = BandedSystem(block.cpu().numpy(), self._smoothness.double().cpu().numpy())
        bend = _second_difference(x)
        return system, gradient + self._unbend(bend, len(x)), cost + self._penalty(x, bend)

    def cost(self, x: Tensor) -> float:
        """Give the cost with the weights of the last `linearise`."""
        cost = self._penalty(x, _second_difference(x))
        for part, frozen in zip(_batches(len(x)), self._root_weights):
            term = rows(self._rig, x[part], self._data.select(part), root_weights=frozen)
            cost += 0.5 * float(term.residual.square().sum())
        return cost + sum(other.cost(x) for other in self._others)

    def _penalty(self, x: Tensor, bend: Tensor) -> float:
        return float(self._prior.cost(x).sum() + 0.5 * (self._smoothness * bend.square()).sum())

    def _unbend(self, bend: Tensor, frames: int) -> Tensor:  # (T - 2, P) -> (T, P): the gradient of smoothness
        force = self._smoothness * bend
        result = bend.new_zeros(frames, bend.shape[1])
        if frames >= 3:
            result[:-2] += force
            result[1:-1] -= 2 * force
            result[2:] += force
        return result


def _batches(frames: int) -> list[slice]:
    return [slice(start, min(start + _BATCH, frames)) for start in range(0, frames, _BATCH)]


def _second_difference(x: Tensor) -> Tensor:  # (T, P) -> (max(T - 2, 0), P)
    return x[2:] - 2 * x[1:-1] + x[:-2] if len(x) >= 3 else x[:0]
