"""Projected Gauss-Newton over a whole clip: frames coupled by second differences, motion kept in its box.

The normal equations are block-pentadiagonal in time, so a banded Cholesky solves them exactly in time linear in the
number of frames.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from emotag.perception.tracking.energy import DataTerm, Prior, rows
from emotag.perception.tracking.rig import LandmarkRig

_BATCH = 64  # frames whose Jacobian is held at once
_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-8, 1e6
_EASIER, _HARDER = 0.3, 10.0


@dataclass(frozen=True)
class Fit:
    """Where the solver stopped."""

    motion: Tensor  # (T, P)
    cost: float
    iterations: int
    converged: bool


def second_difference(frames: int) -> np.ndarray:  # (max(T - 2, 0), T)
    """Give the matrix D of x[t-1] − 2 x[t] + x[t+1]."""
    matrix = np.zeros((max(frames - 2, 0), frames))
    index = np.arange(len(matrix))
    matrix[index, index], matrix[index, index + 1], matrix[index, index + 2] = 1.0, -2.0, 1.0
    return matrix


def solve_banded(
    blocks: np.ndarray,  # (T, P, P) symmetric positive definite
    smoothness: np.ndarray,  # (P,) precision of second differences in time
    right: np.ndarray,  # (T, P)
    free: np.ndarray,  # (T, P) bool; other entries of the solution are zero
) -> np.ndarray:  # (T, P)
    """Solve (blockdiag(blocks) + DᵀD ⊗ diag(smoothness)) x = right on the free entries.

    Raises numpy.linalg.LinAlgError when the matrix is not positive definite.
    """
    frames, count, _ = blocks.shape
    band = np.zeros((2 * count + 1, frames, count))
    for below in range(count):
        diagonal = np.diagonal(blocks, offset=-below, axis1=1, axis2=2)  # (T, P - below): [j + below, j]
        both = free[:, below:] & free[:, : count - below]
        band[below, :, : count - below] = np.where(both, diagonal, 0.0)
    coupling = second_difference(frames)
    coupling = coupling.T @ coupling
    for lag in range(3):
        if lag >= frames:
            break
        both = free[lag:] & free[: frames - lag]
        band[lag * count, : frames - lag] += np.where(both, np.diagonal(coupling, -lag)[:, None] * smoothness, 0.0)
    band[0] = np.where(free, band[0], 1.0)
    solution = scipy.linalg.solveh_banded(
        band.reshape(2 * count + 1, -1),
        np.where(free, right, 0.0).ravel(),
        lower=True,
        overwrite_ab=True,
        overwrite_b=True,
        check_finite=False,
    )
    return solution.reshape(frames, count)


def fit_motion(
    rig: LandmarkRig,  # of a person
    motion: Tensor,  # (T, P) first guess
    data: DataTerm,
    prior: Prior,
    smoothness: Tensor,  # (P,) precision of second differences in time, 0 for none
    iterations: int,
    tolerance: float,
) -> Fit:
    """Minimise landmarks + prior + smoothness over the motion of all frames by damped, projected Gauss-Newton."""
    motion = motion.clamp(prior.low, prior.high)
    damping, converged, done = _DAMPING, False, 0
    cost = float("nan")
    for _ in range(iterations):
        done += 1
        blocks, gradient, roots, cost = _linearise(rig, motion, data, prior)
        acceleration = _second_difference(motion)
        cost += float(0.5 * (smoothness * acceleration.square()).sum())
        gradient = gradient + smoothness * _second_difference_adjoint(acceleration, len(motion))
        free = ~(((motion <= prior.low) & (gradient > 0)) | ((motion >= prior.high) & (gradient < 0)))
        accepted = None
        while accepted is None and damping < _MOST_DAMPING:
            step = _step(blocks, smoothness, gradient, free, damping)
            if step is not None:
                trial = (motion + step).clamp(prior.low, prior.high)
                value = _cost(rig, trial, data, prior, smoothness, roots)
                if value < cost:
                    accepted = (trial, value)
            damping = damping * _HARDER if accepted is None else max(damping * _EASIER, _LEAST_DAMPING)
        if accepted is None:
            converged = True  # no direction lowers the cost: a minimum within rounding
            break
        motion, value = accepted
        converged = cost - value < tolerance * max(abs(cost), 1e-12)
        cost = value
        if converged:
            break
    return Fit(motion, cost, done, converged)


def _linearise(
    rig: LandmarkRig, motion: Tensor, data: DataTerm, prior: Prior
) -> tuple[Tensor, Tensor, list[tuple[Tensor, ...]], float]:
    blocks, gradients, roots = [], [], []
    cost = 0.0
    for part in _batches(len(motion)):
        term = rows(rig, motion[part], data.select(part), derivatives=True)
        assert term.jacobian is not None
        transposed = term.jacobian.transpose(1, 2)
        blocks.append(transposed @ term.jacobian)
        gradients.append((transposed @ term.residual[..., None]).squeeze(-1))
        roots.append(term.root_weights)
        cost += 0.5 * float(term.residual.square().sum())
    cost += float(prior.cost(motion).sum())
    return torch.cat(blocks) + prior.precision, torch.cat(gradients) + prior.gradient(motion), roots, cost


def _cost(
    rig: LandmarkRig, motion: Tensor, data: DataTerm, prior: Prior, smoothness: Tensor, roots: list[tuple[Tensor, ...]]
) -> float:
    cost = float(prior.cost(motion).sum()) + float(0.5 * (smoothness * _second_difference(motion).square()).sum())
    for part, frozen in zip(_batches(len(motion)), roots):
        cost += 0.5 * float(rows(rig, motion[part], data.select(part), root_weights=frozen).residual.square().sum())
    return cost


def _step(blocks: Tensor, smoothness: Tensor, gradient: Tensor, free: Tensor, damping: float) -> Tensor | None:
    damped = blocks + damping * torch.diag_embed(blocks.diagonal(dim1=1, dim2=2))
    try:
        solution = solve_banded(
            damped.double().cpu().numpy(),
            smoothness.double().cpu().numpy(),
            -gradient.double().cpu().numpy(),
            free.cpu().numpy(),
        )
    except np.linalg.LinAlgError:
        return None
    return torch.from_numpy(solution).to(gradient)


def _batches(frames: int) -> list[slice]:
    return [slice(start, min(start + _BATCH, frames)) for start in range(0, frames, _BATCH)]


def _second_difference(motion: Tensor) -> Tensor:  # (T, P) -> (T - 2, P)
    if len(motion) < 3:
        return motion[:0]
    return motion[2:] - 2 * motion[1:-1] + motion[:-2]


def _second_difference_adjoint(acceleration: Tensor, frames: int) -> Tensor:  # (T - 2, P) -> (T, P)
    result = acceleration.new_zeros(frames, acceleration.shape[1])
    if frames >= 3:
        result[:-2] += acceleration
        result[1:-1] -= 2 * acceleration
        result[2:] += acceleration
    return result
