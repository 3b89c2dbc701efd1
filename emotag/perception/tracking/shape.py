"""A person's shape, focal length and landmark offsets, fitted jointly with the motion of a spread of frames."""

from collections.abc import Callable

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.bias import landmark_bias, unbiased
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


class ShapeProblem:
    """Unknowns are one vector: the motions of F frames, the shape, and the focal length's logarithm off its prior."""

    def __init__(
        self,
        rig: LandmarkRig,
        data: DataTerm,
        prior: Prior,
        offset: Tensor,  # (468, 3) metres
        precision: Tensor,  # (S + 1,) of shape and log focal length
    ) -> None:
        self._rig, self._data, self._prior, self._offset, self._precision = rig, data, prior, offset, precision
        self._frames = len(data.targets)
        free = torch.full_like(precision, torch.inf)
        self.low = torch.cat((prior.low.repeat(self._frames), -free))
        self.high = torch.cat((prior.high.repeat(self._frames), free))
        self._root_weights: tuple[Tensor, ...] = ()

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
        assert term.jacobian is not None and term.shape_jacobian is not None
        self._root_weights = term.root_weights
        motion, shared = self.split(x)[0], x[-len(self._precision) :]
        by_frame, by_shared = term.jacobian.transpose(1, 2), term.shape_jacobian.transpose(1, 2)
        system = ArrowSystem(
            ((by_frame @ term.jacobian).double() + self._prior.precision).cpu().numpy(),
            (by_frame @ term.shape_jacobian).double().cpu().numpy(),
            ((by_shared @ term.shape_jacobian).double().sum(0) + torch.diag(self._precision)).cpu().numpy(),
        )
        residual = term.residual[..., None]
        own = (by_frame @ residual).squeeze(-1) + self._prior.gradient(motion)
        common = (by_shared @ residual).sum(dim=0).squeeze(-1) + self._precision * shared
        return system, torch.cat((own.flatten(), common)), self._total(term, x)

    def cost(self, x: Tensor) -> float:
        """Give the cost with the weights of the last `linearise`."""
        return self._total(self.rows(x, self._root_weights, derivatives=False), x)

    def _total(self, term: Rows, x: Tensor) -> float:
        shared = x[-len(self._precision) :]
        prior = self._prior.cost(self.split(x)[0]).sum() + 0.5 * (self._precision * shared.square()).sum()
        return float(0.5 * term.residual.square().sum() + prior)


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
    usual_face = landmark_bias().usual(observations.points[observations.valid]) if settings.undo_prior else None
    observations = unbiased(observations, usual_face)
    spread = _spread_frames(observations, settings.frames)
    chosen = observations.select(spread)
    rig, prior = landmark_rig(head), motion_prior(head, settings)
    focal_length = first_focal_length(rig, chosen)
    usual = usual_lid_opening(observations)
    data = data_term(rig, chosen, focal_length, settings, chosen.eye_distance(), usual)
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
    motion, shape, focal = problem.split(x)
    neutral, jaw = neutral_face(motion[:, EXPRESSION], motion[:, JAW], settings.neutral_fraction)
    return PersonShape(shape, focal / max(chosen.width, chosen.height), neutral, jaw, offset, usual, usual_face)


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
