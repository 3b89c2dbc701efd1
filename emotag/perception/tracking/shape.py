"""A person's shape, focal length and landmark offsets, fitted jointly with the motion of a spread of frames."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.bias import landmark_bias, unbiased
from emotag.perception.tracking.closure import closed_gap, lip_gaps, lip_openings
from emotag.perception.tracking.energy import DataTerm, Prior, Rows, data_term, motion_prior, rows
from emotag.perception.tracking.gauss_newton import minimise
from emotag.perception.tracking.initial import first_focal_length, first_motion
from emotag.perception.tracking.landmark_set import TIED_PAIRS, pair_indices
from emotag.perception.tracking.observations import Observations, lid_openings, require_valid
from emotag.perception.tracking.rig import EXPRESSION, JAW, N_LANDMARKS, LandmarkRig, landmark_rig
from emotag.perception.tracking.settings import ShapeSettings
from emotag.perception.tracking.systems import ArrowSystem
from emotag.perception.tracking.track import PersonShape

_LEAST_VALID = 0.5  # of the reference clip's frames: the shape needs a spread of frames, not all of them


@dataclass(frozen=True)
class SharedRows:
    """Weighted residuals of F frames and their Jacobians: cost = ½ Σ residual² near this motion and shape."""

    residual: Tensor  # (F, R)
    jacobian: Tensor | None  # (F, R, P)
    shape_jacobian: Tensor | None  # (F, R, S + 1): shape, log focal length


class SharedTerm(Protocol):
    """Another cost of the frames' motions and the shape."""

    def rows(
        self,
        motion: Tensor,  # (F, P)
        shape: Tensor,  # (S,)
        focal_pixels: float,
        derivatives: bool,  # renew the weights too
    ) -> SharedRows:
        """Evaluate it."""
        ...


@dataclass(frozen=True)
class Appearance:
    """What pictures tell of a person beside her shape."""

    albedo: Tensor  # (V, 3), see PersonShape
    light: Tensor  # (9, 3)
    static_offset: Tensor | None  # (V, 3) metres


class ShapeRefinement(Protocol):
    """Improves the fit by more than landmarks (see `photometric.person`)."""

    def fit(self, frames: Tensor, problem: "ShapeProblem", x: Tensor) -> Tensor:
        """Refine the unknowns x of the problem, whose frames of the clip are `frames`."""
        ...

    def appearance(self, frames: Tensor, problem: "ShapeProblem", x: Tensor) -> Appearance:
        """Read off what the person looks like."""
        ...


class ShapeProblem:
    """Unknowns are one vector: the motions of F frames, the shape, and the focal length's logarithm off its prior."""

    def __init__(
        self,
        rig: LandmarkRig,
        data: DataTerm,
        prior: Prior,
        offset: Tensor,  # (468, 3) metres
        precision: Tensor,  # (S + 1,) of shape and log focal length
        other: SharedTerm | None = None,
    ) -> None:
        self._rig, self._data, self._prior, self._offset, self._precision = rig, data, prior, offset, precision
        self._frames = len(data.targets)
        free = torch.full_like(precision, torch.inf)
        self.low = torch.cat((prior.low.repeat(self._frames), -free))
        self.high = torch.cat((prior.high.repeat(self._frames), free))
        self._other = other
        self._root_weights: tuple[Tensor, ...] = ()

    def with_term(self, other: SharedTerm) -> "ShapeProblem":
        """Give the same problem with another term beside the landmarks."""
        return ShapeProblem(self._rig, self._data, self._prior, self._offset, self._precision, other)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, float]:  # (F, P), (S,), pixels
        """Give the motions, the shape and the focal length."""
        count = self._frames * len(self._prior.low)
        focal = self._data.focal_pixels * float(x[-1].exp())
        return x[:count].reshape(self._frames, -1), x[count:-1], focal

    def rows(self, x: Tensor, root_weights: tuple[Tensor, ...] | None, derivatives: bool) -> Rows:
        """Evaluate the landmark terms."""
        motion, shape, focal = self.split(x)
        return rows(
            self._rig.of_person(shape, self._offset), motion, self._data.with_focal(focal),
            derivatives=derivatives, shape_derivatives=derivatives, root_weights=root_weights,
        )  # fmt: skip

    def linearise(self, x: Tensor) -> tuple[ArrowSystem, Tensor, float]:
        """Give the normal equations, the gradient and the cost."""
        term = self.rows(x, None, derivatives=True)
        self._root_weights = term.root_weights
        terms: list[Rows | SharedRows] = [term]
        (motion, shape, focal), shared = self.split(x), x[-len(self._precision) :]
        if self._other is not None:
            terms.append(self._other.rows(motion, shape, focal, True))
        blocks = [self._prior.precision, torch.zeros_like(term.residual[0, 0]), torch.diag(self._precision)]
        own, slope = self._prior.gradient(motion), self._precision * shared
        for one in terms:
            assert one.jacobian is not None and one.shape_jacobian is not None
            by_frame, by_shared = one.jacobian.transpose(1, 2), one.shape_jacobian.transpose(1, 2)
            blocks[0] = blocks[0] + (by_frame @ one.jacobian).double()
            blocks[1] = blocks[1] + (by_frame @ one.shape_jacobian).double()
            blocks[2] = blocks[2] + (by_shared @ one.shape_jacobian).double().sum(0)
            residual = one.residual[..., None]
            own = own + (by_frame @ residual).squeeze(-1)
            slope = slope + (by_shared @ residual).sum(dim=0).squeeze(-1)
        system = ArrowSystem(*(block.cpu().numpy() for block in blocks))
        return system, torch.cat((own.flatten(), slope)), self._total(terms, x)

    def cost(self, x: Tensor) -> float:
        """Give the cost with the weights of the last `linearise`."""
        terms: list[Rows | SharedRows] = [self.rows(x, self._root_weights, derivatives=False)]
        if self._other is not None:
            terms.append(self._other.rows(*self.split(x), False))
        return self._total(terms, x)

    def _total(self, terms: list[Rows | SharedRows], x: Tensor) -> float:
        shared = x[-len(self._precision) :]
        prior = self._prior.cost(self.split(x)[0]).sum() + 0.5 * (self._precision * shared.square()).sum()
        return float(sum(0.5 * term.residual.square().sum() for term in terms) + prior)


def fit_shape(
    observations: Observations,
    head: HeadModel,
    settings: ShapeSettings,
    name: str = "reference",
    advance: Callable[[int], None] | None = None,
    refine: ShapeRefinement | None = None,
) -> PersonShape:
    """Fit what is constant for a person on the reference clip.

    The shape has a standard normal prior. The focal length is hardly seen in the landmarks of a frontal face; it is
    the one at which the head has its metric size at 1 m, and moves within `distance_sigma`. What the model cannot
    explain in all frames alike becomes a small offset per landmark. `refine` improves all of it by more than landmarks.
    `advance` is told of finished rounds. Raises InputError (naming the clip `name`) when too few frames have landmarks.
    """
    require_valid(observations, _LEAST_VALID, name)
    undone = settings.undo_usual, settings.undo_prior
    points = observations.points[observations.valid]
    usual_face = landmark_bias(points.device).usual(points) if any(undone) else None
    observations = unbiased(observations, usual_face, *undone)
    spread = _spread_frames(observations, settings.frames)
    chosen = observations.select(spread)
    rig, prior = landmark_rig(head), motion_prior(head, settings)
    focal_length = first_focal_length(rig, chosen)
    usual = usual_lid_opening(observations)
    gaps = lip_gaps(rig, observations.filled(), settings.smile_parting)
    closed, lips = closed_gap(gaps.select(observations.valid), settings.closed_share), None
    if closed is not None:
        lips = lip_openings(gaps, observations.valid, closed, settings).select(spread)
    data = data_term(rig, chosen, focal_length, settings, observations.eye_distance(), usual, lips)
    # Every frame shows the same landmark biases, so F frames tell about the shape what `effective_frames` would:
    # the priors of what is shared weigh F / effective_frames instead of the data being scaled down.
    repeated = len(spread) / settings.effective_frames
    shared = head.template.new_zeros(head.n_shape + 1)
    precision = torch.ones_like(shared)
    precision[-1] = settings.distance_sigma**-2
    x = torch.cat((first_motion(rig, chosen, focal_length).flatten(), shared))
    offset = head.template.new_zeros(N_LANDMARKS, 3)
    problem = ShapeProblem(rig, data, prior, offset, precision * repeated)
    for index in range(1 + (settings.offset_rounds if settings.offset_sigma > 0 else 0)):
        if index > 0:
            offset = _fit_offset(problem, rig, data, x, settings, repeated)
            problem = ShapeProblem(rig, data, prior, offset, precision * repeated)
        x = minimise(problem, x, settings.iterations, settings.tolerance).x
        if advance is not None:
            advance(1)
    appearance = None
    if refine is not None:
        x = refine.fit(spread, problem, x)
        if settings.offset_sigma > 0:
            offset = _fit_offset(problem, rig, data, x, settings, repeated)
        appearance = refine.appearance(spread, problem, x)
        if advance is not None:
            advance(1)
    motion, shape, focal = problem.split(x)
    neutral, jaw = neutral_face(motion[:, EXPRESSION], motion[:, JAW], settings.neutral_fraction)
    focal_length = focal / max(chosen.width, chosen.height)
    person = PersonShape(shape, focal_length, neutral, jaw, offset, usual, closed, usual_face, undone)
    return person if appearance is None else _with_appearance(person, appearance, head)


def _with_appearance(person: PersonShape, appearance: Appearance, head: HeadModel) -> PersonShape:
    """Add what pictures told; landmarks stay where they are although the mesh under them moves a little."""
    static, offset = appearance.static_offset, person.landmark_offset
    if static is not None:
        offset = offset - head.landmarks468.points(static, head.faces)
    return replace(
        person, landmark_offset=offset, static_offset=static, albedo=appearance.albedo, light=appearance.light
    )


def usual_lid_opening(observations: Observations) -> Tensor | None:  # (2, 5) of the eyes
    """Median opening of the lids over a clip: blinks are rare."""
    if observations.eyelids is None:
        return None
    return lid_openings(observations.eyelids[observations.valid], observations.eye_distance()).median(dim=0).values


WIDE_OPEN = 0.44
"""Radians of jaw opening that count as much as one whole named expression (jawOpen of ICT-FaceKit)."""


def neutral_face(
    expression: Tensor,  # (F, E)
    jaw_pose: Tensor,  # (F, 3) radians
    fraction: float,
) -> tuple[Tensor, Tensor]:  # (E,), (3,)
    """Mean over the given fraction of the frames, those with the least expression and the least open jaw."""
    count = max(1, round(fraction * len(expression)))
    calmest = torch.cat((expression, jaw_pose / WIDE_OPEN), dim=1).norm(dim=1).argsort()[:count]
    return expression[calmest].mean(dim=0), jaw_pose[calmest].mean(dim=0)


def _spread_frames(observations: Observations, count: int) -> Tensor:
    valid = observations.valid.nonzero().squeeze(1)
    picks = torch.linspace(0, len(valid) - 1, min(count, len(valid))).round().long()
    return valid[picks]


def _fit_offset(
    problem: ShapeProblem, rig: LandmarkRig, data: DataTerm, x: Tensor, settings: ShapeSettings, repeated: float
) -> Tensor:  # (468, 3)
    """Give per landmark the small rest-pose shift that lowers the error of all frames most (ridge regression)."""
    motion, shape, focal = problem.split(x)
    projection = rows(rig.of_person(shape), motion, data.with_focal(focal)).projection
    slope = (projection.lens @ projection.blend)[:, :N_LANDMARKS]  # (F, 468, 2, 3) pixels per metre
    # An offset is a landmark's own, so each landmark counts fully here, not as one of many that err together.
    weight = (settings.landmark_sigma * data.unit) ** -2 / repeated
    error = (data.targets - projection.pixels)[:, :N_LANDMARKS, :, None]
    normal = weight * (slope.transpose(-1, -2) @ slope).sum(dim=0)
    right = weight * (slope.transpose(-1, -2) @ error).sum(dim=0)
    ridge = torch.eye(3).to(normal) / settings.offset_sigma**2
    offset = torch.linalg.solve(normal + ridge, right).squeeze(-1)
    upper, lower = pair_indices(TIED_PAIRS)
    tied = (offset[upper] + offset[lower]) / 2
    offset[upper], offset[lower] = tied, tied
    return offset
