"""A clip as training sees it: the head's part of its frames, its features and its tracked pose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.errors import InputError
from emotag.media.video import read_lossless, stream_frames
from emotag.tables import column, read_table
from emotag.vocabulary import EMOTIONS, UPPER_ACTION_UNITS, au_column

ROI_MARGIN = 0.03
"""Space kept around the head, as a share of the frame's side."""

ROI_MULTIPLE = 16
"""The window's sides are multiples of this, the rasterizer's tile."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: the part of a frame in which the head ever stands."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Give the part of an image (H, W, …) inside the window."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def intrinsics(self, camera: Camera, device: torch.device) -> Tensor:
        """K (3, 3) of the camera that sees just this window."""
        matrix = camera.intrinsics(device)
        matrix[0, 2] -= self.x
        matrix[1, 2] -= self.y
        return matrix


@dataclass(frozen=True)
class HeadPose:
    """What comes from cue frames and not from the audio."""

    rotation: Tensor  # (T, 3) axis-angle, radians
    translation: Tensor  # (T, 3) metres
    neck_pose: Tensor  # (T, 3)
    eyes_pose: Tensor  # (T, 6)

    def __getitem__(self, index: Tensor | slice) -> "HeadPose":
        return HeadPose(self.rotation[index], self.translation[index], self.neck_pose[index], self.eyes_pose[index])


@dataclass(frozen=True)
class ClipFeatures:
    """The rows of the feature store as tensors."""

    name: str
    identity: str
    pose: HeadPose
    expression: Tensor  # (T, E) tracked Ψ
    jaw: Tensor  # (T, 3) tracked jaw, radians
    shape: Tensor  # (S,)
    focal_length: float
    audio: Tensor  # (T, Da)
    upper_face: Tensor  # (T, 8) action units, the input E
    emotion: Tensor  # (T, 7) teacher's distribution
    intensity: Tensor  # (T,) e = 1 − p(neutral), Eq. 9
    valid: Tensor  # (T,) bool: tracked, and labelled by the teacher

    def __len__(self) -> int:
        return len(self.intensity)


def load_features(path: Path | str) -> ClipFeatures:
    """Read a clip's features. Raises InputError when the table is missing or not a feature table."""
    table = read_table(path)

    def tensor(name: str) -> Tensor:
        values = np.nan_to_num(column(table, name).astype(np.float32))
        return torch.from_numpy(values)

    valid = column(table, "valid_track") & column(table, "valid_emotion") & column(table, "valid_action_units")
    return ClipFeatures(
        name=str(table["clip"][0]),
        identity=str(table["identity"][0]),
        pose=HeadPose(*(tensor(name) for name in ("rotation", "translation", "neck_pose", "eyes_pose"))),
        expression=tensor("expression"),
        jaw=tensor("jaw_pose"),
        shape=tensor("shape")[0],
        focal_length=float(column(table, "focal_length")[0]),
        audio=tensor("audio"),
        upper_face=torch.stack([tensor(au_column(unit)) for unit in UPPER_ACTION_UNITS], dim=1),
        emotion=torch.stack([tensor(f"p_{name}") for name in EMOTIONS], dim=1),
        intensity=tensor("e"),
        valid=torch.from_numpy(valid.astype(bool)),
    )


@dataclass(frozen=True)
class ClipFrames:
    """The pixels of a clip inside the window of its head, as uint8."""

    window: Window
    camera: Camera  # of the full frame
    colour: Tensor  # (T, h, w, 3) uint8
    head_alpha: Tensor  # (T, h, w, 1) uint8

    def select(self, index: Tensor) -> tuple[Tensor, Tensor]:  # (B, h, w, 3), (B, h, w, 1) float32 in 0…1
        """Give frames and head alpha of the rows `index`."""
        return self.colour[index].float() / 255, self.head_alpha[index].float() / 255


def load_frames(video: Path, matte: Path, focal_length: float) -> ClipFrames:
    """Read the head's part of a clip. Raises InputError when the matte is empty or the files disagree in length."""
    alpha = read_lossless(matte)[..., 1]
    window = head_window(alpha, matte)
    colour = np.stack([window.cut(frame).copy() for frame in stream_frames(video)])
    if len(colour) != len(alpha):
        raise InputError(f"{matte}: {len(alpha)} frames, but {video} has {len(colour)}; run `dvc repro` to remake it")
    height, width = alpha.shape[1:]
    head = np.stack([window.cut(frame) for frame in alpha])[..., None]
    return ClipFrames(window, Camera(focal_length, width, height), torch.from_numpy(colour), torch.from_numpy(head))


def head_window(
    alpha: np.ndarray,  # (T, H, W) uint8
    source: Path,
) -> Window:
    """Give the smallest window that holds the head in every frame, with a margin."""
    height, width = alpha.shape[1:]
    covered = alpha.max(axis=0) > 127
    if not covered.any():
        raise InputError(f"{source}: no head in any frame; look at the contact sheet beside it")
    margin = round(ROI_MARGIN * max(height, width))
    spans: Sequence[tuple[int, int]] = (
        _span(covered.any(axis=0), width, margin),
        _span(covered.any(axis=1), height, margin),
    )
    (x, columns), (y, rows) = spans
    return Window(x, y, columns, rows)


def _span(occupied: np.ndarray, size: int, margin: int) -> tuple[int, int]:
    """First index and length: of the occupied part, widened by the margin and to a multiple, inside the frame."""
    where = np.flatnonzero(occupied)
    first = max(0, int(where[0]) - margin)
    last = min(size, int(where[-1]) + 1 + margin)
    length = min(size, -(-(last - first) // ROI_MULTIPLE) * ROI_MULTIPLE)
    return min(first, size - length), length
