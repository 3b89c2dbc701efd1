"""VHAP's parameters as our track and person, and a track as VHAP's parameters.

Both use FLAME's parameters, the normalised focal length and a camera at z = +1 m; three things differ. VHAP's data set
moves head and camera together, so its world is brought back to ours. VHAP's joints follow expression and static offset
(emotag.head.flame_pose), ours the shape alone. And a clip may have been tracked with a slightly other shape or focal
length than its person's. Each time the head is laid rigidly over the picture of VHAP's head, and what is left is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from emotag.camera import CAMERA_DISTANCE, project
from emotag.errors import InputError
from emotag.head.flame_pose import FlamePose
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from emotag.perception.tracking.shape import neutral_face
from emotag.perception.tracking.track import PersonShape, Track
from emotag.perception.tracking.vhap.recording import PER_FRAME, Recording
from emotag.perception.tracking.vhap.rigid import lay_over

N_SHAPE, N_EXPRESSION = 300, 100
"""Coefficients of FLAME, and of VHAP's files."""

_BATCH = 64  # frames posed at once


@dataclass(frozen=True)
class Converted:
    """A track, and how far its mesh is from VHAP's in the picture."""

    track: Track
    difference: Tensor  # (T,) mean distance on the face, pixels


def require_flame(head: HeadModel, task: str = "track.engine 'vhap'") -> None:
    """Raise InputError unless the head model is FLAME, whose parameters VHAP speaks."""
    if head.name != "flame":
        raise InputError(
            f"{task} needs FLAME, and the head model is '{head.name}'; set head.engine to 'flame' (your licensed file) "
            "and run `dvc repro head`, or track.engine to 'landmarks', which works now"
        )


def to_person(
    recording: Recording,  # of the reference clip
    head: HeadModel,
    neutral_fraction: float,
) -> PersonShape:
    """Take what is constant for a person; neutral is the mean of the calmest frames. Raises InputError."""
    require_flame(head)
    shape, expression = _coefficients(recording, head)
    jaw = torch.from_numpy(recording.jaw_pose).float()
    neutral, neutral_jaw = neutral_face(expression.float(), jaw, neutral_fraction)
    offset = _offset(recording, head)
    return PersonShape(
        shape=shape.float(),
        focal_length=recording.focal_length,
        neutral_expression=neutral,
        neutral_jaw=neutral_jaw,
        landmark_offset=torch.zeros(len(head.landmarks468.triangles), 3),
        static_offset=None if offset is None else offset.float(),
    )


def to_track(
    recording: Recording,  # with one row per frame of the crop
    valid: np.ndarray,  # (T,) bool
    head: HeadModel,
    person: PersonShape,
    resolution: int,  # side of the crop, pixels
) -> Converted:
    """Give the motion of a clip on this person's shape and focal length. `reprojection_px` is NaN.

    Raises InputError when the recording is of an image of another size or of another FLAME.
    """
    require_flame(head)
    if (recording.width, recording.height) != (resolution, resolution):
        raise InputError(
            f"{recording.source}: tracked at {recording.width} × {recording.height}, the crop is {resolution} × "
            f"{resolution}; VHAP must track the crop itself, in full size (no data.n_downsample_rgb, no scale_factor)"
        )
    shape, expression = _coefficients(recording, head)
    theirs = FlamePose.of(_double(head), _offset(recording, head))
    ours, offset = _double(head), _doubled(person.static_offset)
    points = _face(head)
    rows = {name: torch.from_numpy(getattr(recording, name)) for name in PER_FRAME}
    to_camera = torch.from_numpy(recording.camera[:3, :3].T.copy())
    origin = torch.from_numpy(recording.camera[:3, 3].copy())
    stands = torch.tensor([0.0, 0.0, CAMERA_DISTANCE], dtype=torch.float64)
    nearer = person.focal_length / recording.focal_length  # a longer lens sees the same from further away
    root = ours.joint_regressor[0] @ ours.shaped(person.shape.double())
    focal, size = torch.tensor(recording.focal_length, dtype=torch.float64), (recording.width, recording.height)
    rotation, translation, left = [], [], []
    for part in _batches(len(recording)):
        pose = {name: rows[name][part] for name in PER_FRAME}
        mesh = theirs.vertices(shape, expression[part], **pose)[:, points]
        pixels, _ = project((mesh - origin) @ to_camera.T + stands, focal, *size)
        turn = to_camera @ axis_angle_to_matrix(pose["rotation"])
        pivot = (theirs.root(shape, expression[part]) + pose["translation"] - origin) @ to_camera.T
        pivot = pivot * torch.tensor([1.0, 1.0, nearer], dtype=torch.float64) + stands
        pose |= {"rotation": matrix_to_axis_angle(turn), "translation": pivot - root}
        mesh = ours.vertices(person.shape.double(), expression[part], **pose, offset=offset)[:, points]
        moved, shift, error = lay_over(mesh, pivot, pixels, person.focal_length, *size)
        rotation.append(matrix_to_axis_angle(moved @ turn))
        translation.append(pivot + shift - root)
        left.append(error)
    track = Track(
        rotation=torch.cat(rotation).float(),
        translation=torch.cat(translation).float(),
        **{name: rows[name].float() for name in ("neck_pose", "jaw_pose", "eyes_pose")},
        expression=expression.float(),
        shape=person.shape,
        focal_length=person.focal_length,
        reprojection_px=torch.full((len(recording),), torch.nan),
        valid=torch.from_numpy(valid.copy()),
    )
    return Converted(track, torch.cat(left).float())


@dataclass(frozen=True)
class FlameMotion:
    """A track in VHAP's terms and our world: joints follow the expression."""

    rotation: Tensor  # (T, 3)
    translation: Tensor  # (T, 3) metres
    difference: Tensor  # (T,) mean distance on the face from our mesh, pixels


def from_track(
    track: Track,
    head: HeadModel,
    offset: Tensor | None,  # (V, 3) metres: PersonShape.static_offset
    resolution: int,
) -> FlameMotion:
    """Give rotation and translation with which FLAME's own code shows the head where our track has it."""
    require_flame(head, "the export for VHAP")
    ours, theirs = _double(head), FlamePose.of(_double(head), _doubled(offset))
    points, shape = _face(head), track.shape.double()
    focal = torch.tensor(track.focal_length, dtype=torch.float64)
    rotation, translation, left = [], [], []
    for part in _batches(len(track)):
        row = track.select(part)
        expression = row.expression.double()
        pose = {name: getattr(row, name).double() for name in PER_FRAME}
        mesh = ours.vertices(shape, expression, **pose, offset=_doubled(offset))[:, points]
        pixels, _ = project(mesh, focal, resolution, resolution)
        root = theirs.root(shape, expression)
        turn = axis_angle_to_matrix(pose["rotation"])
        pivot = ours.joint_regressor[0] @ ours.shaped(shape) + pose["translation"]
        pose["translation"] = pivot - root
        mesh = theirs.vertices(shape, expression, **pose)[:, points]
        moved, shift, error = lay_over(mesh, pivot, pixels, track.focal_length, resolution, resolution)
        rotation.append(matrix_to_axis_angle(moved @ turn))
        translation.append(pivot + shift - root)
        left.append(error)
    return FlameMotion(torch.cat(rotation), torch.cat(translation), torch.cat(left))


def _coefficients(recording: Recording, head: HeadModel) -> tuple[Tensor, Tensor]:  # (S,), (T, E) float64
    shape, expression = torch.from_numpy(recording.shape), torch.from_numpy(recording.expression)
    for name, values, count, setting in (
        ("shape", shape, head.n_shape, f"head.identity_modes: {N_SHAPE}"),
        ("expression", expression, head.n_expression, f"head.expression_modes: {N_EXPRESSION}"),
    ):
        if bool((values[..., count:] != 0).any()):
            raise InputError(
                f"{recording.source}: uses {values.shape[-1]} {name} coefficients, the head model keeps {count}; set "
                f"{setting} and run `dvc repro head`"
            )
    return _filled(shape, head.n_shape), _filled(expression, head.n_expression)


def _filled(values: Tensor, count: int) -> Tensor:
    """Give the first `count` columns, zeros where there are fewer."""
    kept = values[..., :count]
    return torch.nn.functional.pad(kept, (0, count - kept.shape[-1]))


def _offset(recording: Recording, head: HeadModel) -> Tensor | None:  # (V, 3)
    if recording.static_offset is None:
        return None
    if len(recording.static_offset) != head.n_vertices:
        raise InputError(
            f"{recording.source}: has offsets of {len(recording.static_offset)} vertices, the head model has "
            f"{head.n_vertices} (FLAME with teeth: 5143); VHAP must use the same FLAME, with teeth"
        )
    return torch.from_numpy(recording.static_offset)


def _face(head: HeadModel) -> Tensor:  # (N,) vertex ids
    """Where the picture must fit: the face, which also carries the splats that are looked at."""
    return head.regions["face"]


def _double(head: HeadModel) -> HeadModel:
    names = ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "skinning")
    return replace(head, **{name: getattr(head, name).double() for name in names})


def _doubled(offset: Tensor | None) -> Tensor | None:
    return None if offset is None else offset.double()


def _batches(count: int) -> Iterator[slice]:
    yield from (slice(start, start + _BATCH) for start in range(0, count, _BATCH))
