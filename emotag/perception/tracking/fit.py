"""The motion of a clip, given the person's shape."""

from collections.abc import Callable

import torch
from torch import Tensor

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.perception.tracking.bias import unbiased
from emotag.perception.tracking.closure import lip_gaps, lip_openings
from emotag.perception.tracking.energy import data_term, motion_prior
from emotag.perception.tracking.gauss_newton import minimise
from emotag.perception.tracking.initial import first_motion
from emotag.perception.tracking.motion_problem import MotionProblem
from emotag.perception.tracking.observations import Observations, interpolate, require_valid
from emotag.perception.tracking.quality import reprojection_error
from emotag.perception.tracking.rig import (
    EXPRESSION,
    EYES,
    JAW,
    ROTATION,
    TRANSLATION,
    LandmarkRig,
    landmark_rig,
    project_landmarks,
)
from emotag.perception.tracking.settings import TrackSettings
from emotag.perception.tracking.track import PersonShape, Track

FAST_EXPRESSIONS = ("jaw", "mouth", "tongue", "eyeSquint", "eyeWide", "eyeLook", "cheekPuff")
"""Beginnings of the names of expressions that change within two or three frames."""

BLINK = "eyeBlink"

Refinement = Callable[[slice, MotionProblem, Tensor], Tensor]
"""Improves the motion (T, P) of a chunk's frames: (frames of the clip, the landmarks' problem, motion) -> motion."""

_FREE = 1e3
"""A standard deviation of acceleration that holds nothing together."""


def fit_track(
    observations: Observations,
    head: HeadModel,
    person: PersonShape,
    settings: TrackSettings,
    name: str = "clip",
    advance: Callable[[int], None] | None = None,
    refine: Refinement | None = None,
) -> Track:
    """Fit rotation, translation, jaw, eyes and expression of every frame to its landmarks.

    All frames of a chunk are solved at once, held together by the smoothness of `settings`; chunks overlap and are
    blended. `refine` improves each chunk by more than landmarks (see `photometric`). `neck_pose` stays zero (see
    `rig`). Frames without landmarks are interpolated and not valid. `advance` is told of finished frames. Raises
    InputError (naming the clip `name`) when too few frames have landmarks or when the result does not meet them.
    """
    require_valid(observations, settings.min_valid, name)
    filled = unbiased(observations.filled(), person.usual_face, *person.undone)
    rig = person_rig(head, person)
    motion = _fit_chunks(rig, head, filled, person, settings, advance, refine)
    motion = interpolate(motion, observations.valid)
    error = _error(rig, motion, filled, person.focal_length)
    _require_fit(error, filled, settings, name)
    return track_of_motion(motion, person, error, observations.valid)


def person_rig(head: HeadModel, person: PersonShape) -> LandmarkRig:
    """Give the landmarks of a person: her shape, her static offset where they lie, and their own offsets."""
    offset = person.landmark_offset
    if person.static_offset is not None:
        offset = offset + head.landmarks468.points(person.static_offset, head.faces)
    return landmark_rig(head).of_person(person.shape, offset)


def fit_frames(
    observations: Observations,
    head: HeadModel,
    person: PersonShape,
    settings: TrackSettings,
    name: str = "clip",
) -> Track:
    """Fit frames that do not follow each other, each on its own; else as `fit_track`."""
    free = {field: _FREE for field in TrackSettings.model_fields if field.endswith("_acceleration")}
    return fit_track(observations, head, person, settings.model_copy(update=free), name)


def track_of_motion(motion: Tensor, person: PersonShape, error: Tensor, valid: Tensor) -> Track:
    """Name the parts of a motion."""
    return Track(
        rotation=motion[:, ROTATION],
        translation=motion[:, TRANSLATION],
        neck_pose=torch.zeros_like(motion[:, ROTATION]),
        jaw_pose=motion[:, JAW],
        eyes_pose=motion[:, EYES],
        expression=motion[:, EXPRESSION],
        shape=person.shape,
        focal_length=person.focal_length,
        reprojection_px=error,
        valid=valid,
    )


def smoothness(head: HeadModel, settings: TrackSettings) -> Tensor:  # (P,)
    """Precision of the second difference in time of every entry of a motion."""

    def of_expression(name: str) -> float:
        if name.startswith(BLINK):
            return settings.blink_acceleration
        return settings.fast_acceleration if name.startswith(FAST_EXPRESSIONS) else settings.expression_acceleration

    expression = [of_expression(name) for name in head.expression_names]
    sigma = [
        *[settings.rotation_acceleration] * 3,
        *[settings.translation_acceleration] * 3,
        *[settings.jaw_acceleration] * 3,
        *[settings.eye_acceleration] * 6,
        *(expression or [settings.fast_acceleration] * head.n_expression),
    ]
    return head.template.new_tensor(sigma) ** -2


def chunks(frames: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """Cut `frames` into equal chunks of at most `length` frames that share about `overlap` frames."""
    overlap = min(overlap, length // 3)  # so that no frame lies in three chunks
    if frames <= length:
        return [(0, frames)]
    count = -(-(frames - overlap) // (length - overlap))
    starts = [round(i * (frames - overlap) / count) for i in range(count + 1)]
    return [(starts[i], min(starts[i + 1] + overlap, frames)) for i in range(count)]


def _fit_chunks(
    rig: LandmarkRig,
    head: HeadModel,
    observations: Observations,
    person: PersonShape,
    settings: TrackSettings,
    advance: Callable[[int], None] | None,
    refine: Refinement | None,
) -> Tensor:
    unit = observations.eye_distance()
    prior, smooth = motion_prior(head, settings), smoothness(head, settings)
    open_lips = None
    if person.closed_lips is not None and settings.closed_share > 0:
        gaps = lip_gaps(rig, observations, settings.smile_parting)
        open_lips = lip_openings(gaps, observations.valid, person.closed_lips, settings)
    total = observations.points.new_zeros(len(observations), rig.n_motion)
    end = 0
    for start, stop in chunks(len(observations), settings.chunk_frames, settings.overlap_frames):
        part = observations.select(slice(start, stop))
        lips = None if open_lips is None else open_lips.select(slice(start, stop))
        data = data_term(rig, part, person.focal_length, settings, unit, person.lid_opening, lips)
        problem = MotionProblem(rig, data, prior, smooth)
        guess = first_motion(rig, part, person.focal_length)
        motion = minimise(problem, guess, settings.iterations, settings.tolerance).x
        if refine is not None:
            motion = refine(slice(start, stop), problem, motion)
        blend = motion.new_ones(stop - start, 1)
        shared = end - start if end else 0
        if shared > 0:
            ramp = torch.arange(1, shared + 1).to(blend)[:, None] / (shared + 1)
            blend[:shared] = ramp
            total[start:end] *= 1 - ramp
        total[start:stop] += blend * motion
        if advance is not None:
            advance(stop - max(start, end))
        end = stop
    return total


def _error(rig: LandmarkRig, motion: Tensor, observations: Observations, focal_length: float) -> Tensor:
    focal = torch.as_tensor(focal_length * max(observations.width, observations.height)).to(motion)
    centre = motion.new_tensor([observations.width / 2, observations.height / 2])
    projected = project_landmarks(rig, motion, focal, centre).pixels
    return reprojection_error(projected, observations)


def _require_fit(error: Tensor, observations: Observations, settings: TrackSettings, name: str) -> None:
    unit = observations.eye_distance()
    mean = float(error[observations.valid].mean()) / unit
    if not mean <= settings.max_error:
        worst = int(torch.nan_to_num(error, nan=-1.0).argmax())
        raise InputError(
            f"{name}: the head model does not meet the landmarks (mean error {mean:.1%} of the outer-eye distance, "
            f"at most {settings.max_error:.0%}; worst at frame {worst}); look at the landmarks' contact sheet, or is "
            "the shape another person's?"
        )
