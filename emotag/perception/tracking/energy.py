"""The tracker's cost: landmarks against the posed head, and the priors, as Gauss-Newton sees them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.perception.tracking.closure import LipOpenings
from emotag.perception.tracking.landmark_set import (
    INNER_LIP_ROWS,
    LEFT_LID_ROWS,
    LIP_PAIRS,
    OUTER_LIP_PAIRS,
    PAIRS,
    RIGHT_LID_ROWS,
    landmark_trust,
    pair_indices,
)
from emotag.perception.tracking.observations import Observations, lid_openings
from emotag.perception.tracking.rig import (
    EXPRESSION,
    EYES,
    JAW,
    N_LANDMARKS,
    N_POSE,
    LandmarkRig,
    Projection,
    project_landmarks,
)
from emotag.perception.tracking.settings import FitSettings

_TORSION_SIGMA = 1e-3  # radians; an eye's torsion has no trace in the landmarks
_JAW_SIDE_LIMIT, _EYE_LIMIT, _ANONYMOUS_LIMIT = 0.12, 0.7, 3.0  # radians, radians, standard deviations
_FULL_GAZE = 0.5  # radians of an eyeball at which the lids' eyeLook shape is 1
_MOST_OPEN = 1.6  # how far a lid can be open, of the neutral face
_MOST_SHUT = 0.6  # a person whose eyes are usually narrower than this allows is not taken to have them shut
_LID_ROWS = slice(LEFT_LID_ROWS.start, RIGHT_LID_ROWS.stop)
_OUTER_FOLLOW = 0.5  # of what is taken off the inner lips' gap: Face Mesh parts the outer rims too, but less
_FACING_FULL, _FACING_NONE = 0.0, -0.4  # cosines between which a landmark's weight falls to `hidden_weight`


@dataclass(frozen=True)
class Prior:
    """A quadratic and a linear cost of a motion vector, and its box."""

    precision: Tensor  # (P, P)
    linear: Tensor  # (P,)
    low: Tensor  # (P,)
    high: Tensor  # (P,)

    def cost(self, motion: Tensor) -> Tensor:  # (T, P) -> (T,)
        """Give the cost of every frame."""
        return 0.5 * ((motion @ self.precision) * motion).sum(-1) + motion @ self.linear

    def gradient(self, motion: Tensor) -> Tensor:  # (T, P)
        """Give its gradient."""
        return motion @ self.precision + self.linear


def motion_prior(head: HeadModel, settings: FitSettings) -> Prior:
    """Build the prior of a frame's motion: jaw, gaze and expression; the head's pose is free."""
    names, count = head.expression_names, N_POSE + head.n_expression
    like = head.template
    precision, linear = like.new_zeros(count), like.new_zeros(count)
    low, high = like.new_full((count,), -torch.inf), like.new_full((count,), torch.inf)
    precision[JAW] = 1 / like.new_tensor(settings.jaw_sigma).square()
    side = _JAW_SIDE_LIMIT
    low[JAW] = like.new_tensor([settings.jaw_limits[0], -side, -side])
    high[JAW] = like.new_tensor([settings.jaw_limits[1], side, side])
    eye = like.new_tensor([settings.eye_sigma, settings.eye_sigma, _TORSION_SIGMA])
    precision[EYES] = 1 / torch.cat((eye, eye)).square()
    low[EYES], high[EYES] = -_EYE_LIMIT, _EYE_LIMIT
    if names:
        free = like.new_tensor([settings.brow_freedom if name.startswith("brow") else 1.0 for name in names])
        precision[EXPRESSION] = (settings.expression_sigma * free) ** -2
        linear[EXPRESSION] = settings.expression_sparsity / free
        low[EXPRESSION], high[EXPRESSION] = 0.0, 1.0
    else:
        precision[EXPRESSION] = settings.anonymous_sigma**-2
        low[EXPRESSION], high[EXPRESSION] = -_ANONYMOUS_LIMIT, _ANONYMOUS_LIMIT
    matrix = torch.diag(precision)
    for left, right in paired_names(names):
        difference = like.new_zeros(count)
        difference[N_POSE + left], difference[N_POSE + right] = 1.0, -1.0
        matrix = matrix + torch.outer(difference, difference) / settings.asymmetry_sigma**2
    for row in _gaze_couplings(names):
        coupling = like.new_zeros(count)
        for index, value in row.items():
            coupling[index] = value
        matrix = matrix + torch.outer(coupling, coupling) / settings.gaze_sigma**2
    return Prior(matrix, linear, low, high)


def _gaze_couplings(names: tuple[str, ...]) -> list[dict[int, float]]:
    """Give sparse rows that are zero when the lids follow the eyeballs: eyeLookUp − eyeLookDown = − pitch / full …

    Pitch is positive downwards, yaw towards the person's left (see the axes in emotag.camera).
    """
    rows = []
    left, right = EYES.start, EYES.start + 3
    for eye, side, outwards in ((left, "L", 1.0), (right, "R", -1.0)):
        for angle, (more, less), sign in (
            (eye, ("Up", "Down"), -1.0),
            (eye + 1, ("Out", "In"), outwards),
        ):
            shapes = [f"eyeLook{which}_{side}" for which in (more, less)]
            if all(shape in names for shape in shapes):
                up, down = (N_POSE + names.index(shape) for shape in shapes)
                rows.append({up: 1.0, down: -1.0, angle: -sign / _FULL_GAZE})
    return rows


def paired_names(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Give index pairs of expressions that are the left and right half of one (`…_L`, `…_R` or `…Left`, `…Right`).

    Left out are gaze (the eyes' shapes mirror each other's names, not each other's motion) and moving the jaw or the
    whole mouth to one side.
    """
    pairs = []
    for index, name in enumerate(names):
        if name.startswith("eyeLook") or name in ("jawLeft", "mouthLeft"):
            continue
        for left, right in (("_L", "_R"), ("Left", "Right")):
            other = name.removesuffix(left) + right
            if name.endswith(left) and len(name) > len(left) and other in names:
                pairs.append((index, names.index(other)))
    return pairs


@dataclass(frozen=True)
class DataTerm:
    """The landmarks of a batch of frames as targets, in pixels, with their inverse standard deviations."""

    targets: Tensor  # (T, K, 2) pixels
    depth: Tensor  # (T, 468) pixels, smaller is nearer
    weights: Tensor  # (T, K) 1/pixels², 0 where not seen
    pair_weights: Tensor  # (T, M) 1/pixels²
    lids: Tensor | None  # (T, 10) how far each lid pair is open, 1 as in the neutral face; None: as the landmarks say
    lips: Tensor | None  # (T, 9, 2) pixels by which inner lips are open, from contact on; None: as the landmarks say
    depth_weight: float  # 1/pixels², 0 leaves it out
    focal_pixels: float
    centre: Tensor  # (2,) pixels
    unit: float  # pixels: the outer-eye distance
    settings: FitSettings

    def select(self, frames: slice) -> "DataTerm":
        """Give some of the frames."""
        return replace(
            self,
            targets=self.targets[frames],
            depth=self.depth[frames],
            weights=self.weights[frames],
            pair_weights=self.pair_weights[frames],
            lids=None if self.lids is None else self.lids[frames],
            lips=None if self.lips is None else self.lips[frames],
        )

    def with_focal(self, focal_pixels: float) -> "DataTerm":
        """Give the same for another focal length."""
        return replace(self, focal_pixels=focal_pixels)


def data_term(
    rig: LandmarkRig,
    observations: Observations,  # filled
    focal_length: float,
    settings: FitSettings,
    unit: float,  # pixels: the outer-eye distance
    lid_opening: Tensor | None = None,  # (2, 5) of the eyes: the person's eyes open as in the neutral face
    lips: LipOpenings | None = None,  # of these frames
) -> DataTerm:
    """Turn landmarks into targets and weights; frames without landmarks get weight zero.

    Face Mesh sees a shut eye as two thirds open, the iris network's contours do not: where they are given, a lid
    pair's target is their opening as a share of the person's usual one. Lips are drawn as in `closure`: inner pairs
    stand apart by their opening beyond the contact of the neutral face, and their landmarks move towards each other by
    as much.
    """
    lids = None
    if observations.eyelids is not None and lid_opening is not None:
        shut = (settings.closed_lids / lid_opening[:, :1]).clamp(max=_MOST_SHUT)  # share of the usual, in the middle
        share = (lid_openings(observations.eyelids, unit) / lid_opening - shut) / (1 - shut)
        lids = share.clamp(0, _MOST_OPEN).flatten(1)
    points = observations.points
    if lips is not None:
        points = _lips_drawn(points, lips, unit)
    frames = len(points)
    seen = observations.valid.to(points.dtype)[:, None]
    count = settings.effective_landmarks / N_LANDMARKS
    trust = landmark_trust(N_LANDMARKS).to(points) * count / (settings.landmark_sigma * unit) ** 2
    iris_weight = (settings.iris_sigma * unit) ** -2 if rig.has_iris and observations.iris is not None else 0.0
    iris = observations.iris if observations.iris is not None else points.new_zeros(frames, 2, 2)
    weights = torch.cat((trust, points.new_full((2,), iris_weight))) * seen
    pair_weight = (settings.aperture_sigma * unit) ** -2
    depth_weight = count * (settings.depth_sigma * unit) ** -2 if settings.depth_sigma > 0 else 0.0
    return DataTerm(
        targets=torch.cat((points[..., :2], iris), dim=1),
        depth=points[..., 2],
        weights=weights,
        pair_weights=pair_weight * seen.expand(-1, len(PAIRS)),
        lids=lids,
        lips=None if lips is None else lips.opening[..., None] * lips.gaps.down[:, None] * unit,
        depth_weight=depth_weight,
        focal_pixels=focal_length * max(observations.width, observations.height),
        centre=points.new_tensor([observations.width / 2, observations.height / 2]),
        unit=unit,
        settings=settings,
    )


def _lips_drawn(points: Tensor, lips: LipOpenings, unit: float) -> Tensor:  # (T, 468, 3)
    """Move the lips' landmarks along the face's vertical to where they are open as `lips` says, middles kept."""
    upper, lower = pair_indices(LIP_PAIRS)
    closing = lips.gaps.excess - lips.opening  # (T, 9)
    outer = _OUTER_FOLLOW * closing[:, : len(OUTER_LIP_PAIRS)]  # both lists run alike from the middle outwards
    step = torch.cat((closing, outer), dim=1)[..., None] * lips.gaps.down[:, None] * (unit / 2)  # (T, 14, 2)
    moved = points.clone()
    moved[:, upper, :2] += step
    moved[:, lower, :2] -= step
    return moved


@dataclass(frozen=True)
class Rows:
    """Weighted residuals of a batch of frames and their Jacobians: cost = ½ Σ residual² near this motion."""

    residual: Tensor  # (T, R)
    jacobian: Tensor | None  # (T, R, P)
    shape_jacobian: Tensor | None  # (T, R, S + 1): shape, log focal length
    root_weights: tuple[Tensor, ...]  # of the landmarks, pairs (and depth): frozen during a line search
    projection: Projection


def rows(
    rig: LandmarkRig,
    motion: Tensor,  # (T, P)
    data: DataTerm,
    *,
    derivatives: bool = False,
    shape_derivatives: bool = False,
    root_weights: tuple[Tensor, ...] | None = None,
) -> Rows:
    """Evaluate the landmark terms. Robust and visibility weights are made here, or frozen ones are taken."""
    with_depth = data.depth_weight > 0
    projection = project_landmarks(
        rig, motion, torch.as_tensor(data.focal_pixels).to(motion), data.centre,
        derivatives=derivatives, shape_derivatives=shape_derivatives, depth_derivatives=with_depth,
    )  # fmt: skip
    first, second = pair_indices(PAIRS)
    error = projection.pixels - data.targets  # (T, K, 2)
    opening = error[:, first] - error[:, second]  # (T, M, 2)
    if data.lids is not None:
        modelled = projection.pixels[:, first[_LID_ROWS]] - projection.pixels[:, second[_LID_ROWS]]
        opening[:, _LID_ROWS] = modelled - _lid_targets(rig, projection, data.lids, first, second)
    if data.lips is not None:
        modelled = projection.pixels[:, first[INNER_LIP_ROWS]] - projection.pixels[:, second[INNER_LIP_ROWS]]
        contact = _contact(rig, projection, first[INNER_LIP_ROWS], second[INNER_LIP_ROWS])
        opening[:, INNER_LIP_ROWS] = modelled - (contact - data.lips)
    roots = _root_weights(error, opening, projection, data) if root_weights is None else root_weights
    point_root, pair_root, depth_root = roots
    residuals = [(error * point_root).flatten(1), (opening * pair_root).flatten(1)]
    if with_depth:
        residuals.append(_depth_error(projection, data) * depth_root)
    jacobian = shape_jacobian = None
    if derivatives:
        by_motion = projection.jacobian
        assert by_motion is not None
        parts = [(by_motion * point_root[..., None]).flatten(1, 2)]
        parts.append(((by_motion[:, first] - by_motion[:, second]) * pair_root[..., None]).flatten(1, 2))
        if with_depth:
            by_depth = projection.depth_jacobian
            assert by_depth is not None
            by_depth = by_depth[:, :N_LANDMARKS] * _pixels_per_metre(projection, data)[:, None, None]
            parts.append((by_depth - by_depth.mean(1, keepdim=True)) * depth_root[..., None])
        jacobian = torch.cat(parts, dim=1)
    if shape_derivatives:
        by_shape = projection.shape_jacobian
        assert by_shape is not None
        by_focal = (projection.pixels - data.centre)[..., None]
        by_shape = torch.cat((by_shape, by_focal), dim=-1)
        parts = [(by_shape * point_root[..., None]).flatten(1, 2)]
        parts.append(((by_shape[:, first] - by_shape[:, second]) * pair_root[..., None]).flatten(1, 2))
        if with_depth:
            parts.append(motion.new_zeros(len(motion), N_LANDMARKS, by_shape.shape[-1]))
        shape_jacobian = torch.cat(parts, dim=1)
    return Rows(torch.cat(residuals, dim=1), jacobian, shape_jacobian, roots, projection)


def _lid_targets(rig: LandmarkRig, projection: Projection, lids: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Project what lies between open (the neutral face) and shut, as far as each pair is open: (T, 10, 2) pixels."""
    upper, lower = first[_LID_ROWS], second[_LID_ROWS]
    rest = rig.base.sum(dim=0)
    neutral = rest[upper] - rest[lower]  # (10, 3) metres
    shut = neutral + rig.closed[upper] - rig.closed[lower]
    wanted = torch.lerp(shut, neutral, lids[..., None])  # (T, 10, 3)
    seen = projection.lens[:, lower] @ projection.blend[:, lower]
    return (seen @ wanted[..., None]).squeeze(-1)


def _contact(rig: LandmarkRig, projection: Projection, upper: Tensor, lower: Tensor) -> Tensor:  # (T, 9, 2) pixels
    """Project what lies between touching lips: the neutral face's have their landmarks on the skin, not in the slit."""
    rest = rig.base.sum(dim=0)
    seen = projection.lens[:, upper] @ projection.blend[:, upper]
    return (seen @ (rest[upper] - rest[lower])[..., None]).squeeze(-1)


def _root_weights(error: Tensor, opening: Tensor, projection: Projection, data: DataTerm) -> tuple[Tensor, ...]:
    settings = data.settings
    count = settings.effective_landmarks / N_LANDMARKS
    visible = ((projection.facing - _FACING_NONE) / (_FACING_FULL - _FACING_NONE)).clamp(settings.hidden_weight, 1)
    norm = error.norm(dim=-1) * (data.weights / count).sqrt()
    point = (data.weights * visible * _huber(norm, settings.huber)).sqrt()
    pair = (data.pair_weights * _huber(opening.norm(dim=-1) * data.pair_weights.sqrt(), settings.huber)).sqrt()
    depth_root = (data.depth_weight * (data.weights[:, :N_LANDMARKS] > 0)).sqrt().to(error)
    return point[..., None], pair[..., None], depth_root


def _huber(norm: Tensor, threshold: float) -> Tensor:
    return torch.where(norm <= threshold, torch.ones_like(norm), threshold / norm.clamp_min(threshold))


def _pixels_per_metre(projection: Projection, data: DataTerm) -> Tensor:  # (T,)
    return data.focal_pixels / projection.depth[:, :N_LANDMARKS].mean(dim=1)


def _depth_error(projection: Projection, data: DataTerm) -> Tensor:  # (T, 468)
    depth = projection.depth[:, :N_LANDMARKS] * _pixels_per_metre(projection, data)[:, None]
    return (depth - depth.mean(1, keepdim=True)) - (data.depth - data.depth.mean(1, keepdim=True))
