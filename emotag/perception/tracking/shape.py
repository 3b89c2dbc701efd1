"""A person's shape, focal length and landmark offsets, fitted jointly with the motion of a spread of frames."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.energy import DataTerm, Prior, data_term, motion_prior, rows
from emotag.perception.tracking.initial import first_focal_length, first_motion
from emotag.perception.tracking.observations import Observations, require_valid
from emotag.perception.tracking.rig import EXPRESSION, N_LANDMARKS, LandmarkRig, landmark_rig
from emotag.perception.tracking.settings import ShapeSettings
from emotag.perception.tracking.track import PersonShape

_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-8, 1e6
_EASIER, _HARDER = 0.3, 10.0
_LEAST_VALID = 0.5  # of the reference clip's frames: the shape needs a spread of frames, not all of them


@dataclass(frozen=True)
class _Unknowns:
    shape: Tensor  # (S,)
    log_focal: Tensor  # () of pixels
    motion: Tensor  # (F, P)


@dataclass(frozen=True)
class _Problem:
    rig: LandmarkRig
    data: DataTerm
    prior: Prior
    offset: Tensor  # (468, 3)
    first_log_focal: Tensor  # () centre of the focal length's prior
    shared_precision: Tensor  # (S + 1,) of shape and log focal length

    def cost_of_shared(self, unknowns: _Unknowns) -> Tensor:
        return 0.5 * (self.shared_precision * self.shared(unknowns).square()).sum()

    def shared(self, unknowns: _Unknowns) -> Tensor:  # (S + 1,) off the prior's centre
        return torch.cat((unknowns.shape, (unknowns.log_focal - self.first_log_focal)[None]))


def fit_shape(
    observations: Observations,
    head: HeadModel,
    settings: ShapeSettings,
    name: str = "reference",
    advance: Callable[[int], None] | None = None,
) -> PersonShape:
    """Fit what is constant for a person on the reference clip.

    The shape has a standard normal prior. The focal length is hardly seen in the landmarks of a frontal face; it is
    the one at which the head has its metric size at 1 m, and moves within `distance_sigma`. What the model cannot
    explain in all frames alike becomes a small offset per landmark. `advance` is told of finished rounds. Raises
    InputError (naming the clip `name`) when too few frames have landmarks.
    """
    require_valid(observations, _LEAST_VALID, name)
    spread = _spread_frames(observations, settings.frames)
    chosen = observations.select(spread)
    rig, prior = landmark_rig(head), motion_prior(head, settings)
    offset = head.template.new_zeros(N_LANDMARKS, 3)
    focal_length = first_focal_length(rig, chosen)
    size = max(chosen.width, chosen.height)
    log_focal = head.template.new_tensor(focal_length * size).log()
    # Every frame shows the same landmark biases, so F frames tell about the shape what `effective_frames` would:
    # the priors of what is shared weigh F / effective_frames instead of the data being scaled down.
    repeated = len(spread) / settings.effective_frames
    shared_precision = torch.cat(
        (head.template.new_ones(head.n_shape), head.template.new_tensor([settings.distance_sigma**-2]))
    )
    unknowns = _Unknowns(head.template.new_zeros(head.n_shape), log_focal, first_motion(rig, chosen, focal_length))
    data = data_term(rig, chosen, focal_length, settings, chosen.eye_distance())
    rounds = 1 + (settings.offset_rounds if settings.offset_sigma > 0 else 0)
    for index in range(rounds):
        if index > 0:
            offset = _fit_offset(rig, data, unknowns, settings, repeated)
        problem = _Problem(rig, data, prior, offset, log_focal, shared_precision * repeated)
        unknowns = _solve(problem, unknowns, settings)
        if advance is not None:
            advance(1)
    return PersonShape(
        unknowns.shape,
        float(unknowns.log_focal.exp()) / size,
        neutral_expression(unknowns.motion[:, EXPRESSION], settings.neutral_fraction),
        offset,
    )


def neutral_expression(
    expression: Tensor,  # (F, E)
    fraction: float,
) -> Tensor:  # (E,)
    """Mean over the given fraction of the frames, those with the least expression."""
    count = max(1, round(fraction * len(expression)))
    calmest = expression.norm(dim=1).argsort()[:count]
    return expression[calmest].mean(dim=0)


def _spread_frames(observations: Observations, count: int) -> Tensor:
    valid = observations.valid.nonzero().squeeze(1)
    picks = torch.linspace(0, len(valid) - 1, min(count, len(valid))).round().long()
    return valid[picks]


def _solve(problem: _Problem, unknowns: _Unknowns, settings: ShapeSettings) -> _Unknowns:
    """Damped, projected Gauss-Newton; frames are eliminated, so that the shared system stays (S + 1)²."""
    damping = _DAMPING
    for _ in range(settings.iterations):
        system, roots, cost = _linearise(problem, unknowns)
        accepted = None
        while accepted is None and damping < _MOST_DAMPING:
            step = _eliminate(system, damping)
            trial = _moved(problem, unknowns, *step)
            value = _cost(problem, trial, roots)
            if value < cost:
                accepted = trial
            damping = damping * _HARDER if accepted is None else max(damping * _EASIER, _LEAST_DAMPING)
        if accepted is None:
            break
        unknowns = accepted
        if cost - value < settings.tolerance * abs(cost):
            break
    return unknowns


@dataclass(frozen=True)
class _System:
    frame_block: Tensor  # (F, P, P) float64
    mixed_block: Tensor  # (F, P, S + 1)
    shared_block: Tensor  # (S + 1, S + 1)
    frame_gradient: Tensor  # (F, P)
    shared_gradient: Tensor  # (S + 1,)
    free: Tensor  # (F, P) bool


def _linearise(problem: _Problem, unknowns: _Unknowns) -> tuple[_System, tuple[Tensor, ...], float]:
    prior, motion = problem.prior, unknowns.motion
    rig = problem.rig.of_person(unknowns.shape, problem.offset)
    data = problem.data.with_focal(float(unknowns.log_focal.exp()))
    term = rows(rig, motion, data, derivatives=True, shape_derivatives=True)
    assert term.jacobian is not None and term.shape_jacobian is not None
    by_frame, by_shared = term.jacobian, term.shape_jacobian
    residual = term.residual[..., None]
    shared = problem.shared(unknowns)
    frame_gradient = (by_frame.transpose(1, 2) @ residual).squeeze(-1) + prior.gradient(motion)
    shared_gradient = (by_shared.transpose(1, 2) @ residual).sum(dim=0).squeeze(-1) + problem.shared_precision * shared
    free = ~(((motion <= prior.low) & (frame_gradient > 0)) | ((motion >= prior.high) & (frame_gradient < 0)))
    system = _System(
        (by_frame.transpose(1, 2) @ by_frame).double() + prior.precision.double(),
        (by_frame.transpose(1, 2) @ by_shared).double(),
        (by_shared.transpose(1, 2) @ by_shared).sum(dim=0).double() + torch.diag(problem.shared_precision).double(),
        frame_gradient.double(),
        shared_gradient.double(),
        free,
    )
    cost = 0.5 * term.residual.square().sum() + prior.cost(motion).sum() + problem.cost_of_shared(unknowns)
    return system, term.root_weights, float(cost)


def _eliminate(system: _System, damping: float) -> tuple[Tensor, Tensor]:  # (F, P), (S + 1,) steps
    free = system.free.double()
    frame = system.frame_block + damping * torch.diag_embed(system.frame_block.diagonal(dim1=1, dim2=2))
    frame = frame * free[:, :, None] * free[:, None] + torch.diag_embed(1 - free)
    mixed = system.mixed_block * free[..., None]
    shared = system.shared_block + damping * torch.diag(system.shared_block.diagonal())
    gradient = system.frame_gradient * free
    solved = torch.linalg.solve(frame, torch.cat((mixed, gradient[..., None]), dim=-1))
    by_shared, by_gradient = solved[..., :-1], solved[..., -1]
    reduced = shared - torch.einsum("fps,fpr->sr", mixed, by_shared)
    right = system.shared_gradient - torch.einsum("fps,fp->s", mixed, by_gradient)
    shared_step = -torch.linalg.solve(reduced, right)
    return -by_gradient - by_shared @ shared_step, shared_step


def _moved(problem: _Problem, unknowns: _Unknowns, frame_step: Tensor, shared_step: Tensor) -> _Unknowns:
    motion = (unknowns.motion + frame_step.to(unknowns.motion)).clamp(problem.prior.low, problem.prior.high)
    shared = shared_step.to(unknowns.shape)
    return _Unknowns(unknowns.shape + shared[:-1], unknowns.log_focal + shared[-1], motion)


def _cost(problem: _Problem, unknowns: _Unknowns, roots: tuple[Tensor, ...]) -> float:
    rig = problem.rig.of_person(unknowns.shape, problem.offset)
    data = problem.data.with_focal(float(unknowns.log_focal.exp()))
    residual = rows(rig, unknowns.motion, data, root_weights=roots).residual
    cost = 0.5 * residual.square().sum() + problem.prior.cost(unknowns.motion).sum()
    return float(cost + problem.cost_of_shared(unknowns))


def _fit_offset(
    rig: LandmarkRig, data: DataTerm, unknowns: _Unknowns, settings: ShapeSettings, repeated: float
) -> Tensor:  # (468, 3)
    """Give per landmark the small rest-pose shift that lowers the error of all frames most (ridge regression)."""
    person = rig.of_person(unknowns.shape)
    term = rows(person, unknowns.motion, data.with_focal(float(unknowns.log_focal.exp())), derivatives=True)
    projection = term.projection
    assert projection.lens is not None and projection.blend is not None
    slope = (projection.lens @ projection.blend)[:, :N_LANDMARKS]  # (F, 468, 2, 3) pixels per metre
    # An offset is a landmark's own, so each landmark counts fully here, not as one of many that err together.
    weight = (settings.landmark_sigma**-2 / data.unit**2) / repeated
    error = (data.targets - projection.pixels)[:, :N_LANDMARKS, :, None]
    normal = weight * (slope.transpose(-1, -2) @ slope).sum(dim=0)
    right = weight * (slope.transpose(-1, -2) @ error).sum(dim=0)
    ridge = torch.eye(3).to(normal) / settings.offset_sigma**2
    return torch.linalg.solve(normal + ridge, right).squeeze(-1)
