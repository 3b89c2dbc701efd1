"""A clip as training sees it: the head's part of its frames, its features and its tracked pose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.tables import column, read_table
from emotag.vocabulary import EMOTIONS, UPPER_ACTION_UNITS, au_column


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


class FrameSource(Protocol):
    """The pixels of a clip inside the window of its head."""

    @property
    def window(self) -> Window:
        """The part of the frame that is kept."""

    @property
    def camera(self) -> Camera:
        """The camera of the full frame."""

    @property
    def resident(self) -> range:
        """The frames of the clip that are held now: what a step may draw. It changes only between steps."""

    def select(
        self,
        index: Tensor,  # (B,) frames of the clip
    ) -> tuple[Tensor, Tensor]:  # (B, h, w, 3), (B, h, w, 1) float32 in 0…1
        """Give frames and head alpha."""


@dataclass(frozen=True)
class ClipFrames:
    """A FrameSource that holds the whole clip, as uint8."""

    window: Window
    camera: Camera  # of the full frame
    colour: Tensor  # (T, h, w, 3) uint8
    head_alpha: Tensor  # (T, h, w, 1) uint8

    @property
    def resident(self) -> range:
        """All frames."""
        return range(len(self.colour))

    def select(self, index: Tensor) -> tuple[Tensor, Tensor]:  # (B, h, w, 3), (B, h, w, 1) float32 in 0…1
        """Give frames and head alpha of the rows `index`."""
        return self.colour[index].float() / 255, self.head_alpha[index].float() / 255
