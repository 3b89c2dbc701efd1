"""What tracking gives: a person's shape, and a clip's motion in VHAP's terms, with their files."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.errors import InputError
from emotag.files import read_json, write_json
from emotag.head.model import HeadModel
from emotag.tables import column, frame_table, read_metadata, read_table, write_table

_FORMAT = "emotag-shape-2"


@dataclass(frozen=True)
class PersonShape:
    """What is constant for a person, fitted on the reference clip."""

    shape: Tensor  # (S,)
    focal_length: float  # normalised: pixels / max(height, width)
    neutral_expression: Tensor  # (E,)
    neutral_jaw: Tensor  # (3,) axis-angle, radians
    landmark_offset: Tensor  # (468, 3) metres, rest pose: this person's landmarks minus the head's embedding
    lid_opening: Tensor | None = None  # (2, 5) of the outer-eye distance: the usual opening at the iris network's pairs
    usual_face: Tensor | None = (
        None  # (K,) codes of the landmarks' mean (see `bias`); None leaves landmarks as they are
    )

    def save(self, path: Path | str, metadata: dict[str, Any]) -> None:
        """Write one JSON file; `metadata` (engine, digest of the head, clip …) stands beside the numbers."""
        note = {
            "format": _FORMAT,
            **metadata,
            "shape": self.shape.tolist(),
            "focal_length": self.focal_length,
            "neutral_expression": self.neutral_expression.tolist(),
            "neutral_jaw": self.neutral_jaw.tolist(),
            "landmark_offset": self.landmark_offset.tolist(),
            "lid_opening": None if self.lid_opening is None else self.lid_opening.tolist(),
            "usual_face": None if self.usual_face is None else self.usual_face.tolist(),
        }
        write_json(path, note)

    @staticmethod
    def load(path: Path | str) -> "PersonShape":
        """Read what `save` wrote. Raises InputError when it is missing or something else."""
        note = read_json(path)
        try:
            if note["format"] != _FORMAT:
                raise KeyError("format")
            return PersonShape(
                torch.tensor(note["shape"], dtype=torch.float32),
                float(note["focal_length"]),
                torch.tensor(note["neutral_expression"], dtype=torch.float32),
                torch.tensor(note["neutral_jaw"], dtype=torch.float32),
                torch.tensor(note["landmark_offset"], dtype=torch.float32).reshape(-1, 3),
                *(
                    None if note[name] is None else torch.tensor(note[name], dtype=torch.float32)
                    for name in ("lid_opening", "usual_face")
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a person's shape ({error}); delete it and run `dvc repro shape`") from None

    def check(self, head: HeadModel, path: Path | str) -> None:
        """Raise InputError when the shape was made with another head model."""
        if len(self.shape) != head.n_shape or len(self.neutral_expression) != head.n_expression:
            raise InputError(
                f"{path}: has {len(self.shape)} shape and {len(self.neutral_expression)} expression coefficients, the "
                f"head model '{head.name}' has {head.n_shape} and {head.n_expression}; run the `shape` stage again"
            )


@dataclass(frozen=True)
class Track:
    """The motion of T frames, all tensors float32 unless told. Angles are axis-angle in radians."""

    rotation: Tensor  # (T, 3) of the whole head
    translation: Tensor  # (T, 3) metres
    neck_pose: Tensor  # (T, 3)
    jaw_pose: Tensor  # (T, 3)
    eyes_pose: Tensor  # (T, 6) left, right
    expression: Tensor  # (T, E)
    shape: Tensor  # (S,)
    focal_length: float  # normalised: pixels / max(height, width)
    reprojection_px: Tensor  # (T,) mean distance of 68 points of landmarks468, offsets applied; NaN where not valid
    valid: Tensor  # (T,) bool; False: interpolated between valid neighbours

    def __len__(self) -> int:
        return len(self.rotation)

    def select(self, frames: slice | Tensor) -> "Track":
        """Give some of the frames."""
        per_frame = {f.name: getattr(self, f.name)[frames] for f in fields(self) if f.name not in _CONSTANT}
        return replace(self, **per_frame)

    def to(self, device: torch.device | str) -> "Track":
        """Give the track with every tensor on `device`."""
        tensors = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "focal_length"}
        return replace(self, **tensors)

    def camera(self, width: int, height: int) -> Camera:
        """Give the camera for an image of this size."""
        return Camera(self.focal_length, width, height)

    def vertices(
        self,
        head: HeadModel,
        frames: slice | Tensor = slice(None),
    ) -> Tensor:  # (B, V, 3) metres, world
        """Pose the head model on some of the frames."""
        part = self.select(frames)
        return head.vertices(
            part.shape, part.expression, part.jaw_pose, part.neck_pose, part.eyes_pose, part.rotation, part.translation
        )

    def save(self, path: Path | str, clip: str, metadata: dict[str, Any]) -> None:
        """Write the table of docs/architecture.md (shape and focal length repeat in every row, as in VHAP's export)."""
        rows = len(self)
        columns: dict[str, Any] = {
            f.name: getattr(self, f.name).cpu().numpy() for f in fields(self) if f.name not in _CONSTANT
        }
        columns["shape"] = self.shape.expand(rows, -1).cpu().numpy()
        columns["focal_length"] = torch.full((rows,), self.focal_length).numpy()
        write_table(path, frame_table(clip, columns), metadata)

    @staticmethod
    def load(path: Path | str) -> "Track":
        """Read what `save` wrote. Raises InputError when it is missing, empty or lacks a column."""
        table = read_table(path)
        if table.num_rows == 0:
            raise InputError(f"{path}: the track holds no frames; run the `track` stage again")
        values = {f.name: torch.from_numpy(column(table, f.name)) for f in fields(Track)}
        focal_length = float(values.pop("focal_length")[0])
        shape = values.pop("shape")[0]
        return Track(**values, shape=shape, focal_length=focal_length)


_CONSTANT = ("shape", "focal_length")


def check_head(path: Path | str, head_digest: str) -> None:
    """Raise InputError when the track at `path` was made with another head model."""
    made_with = read_metadata(path).get("head")
    if made_with != head_digest:
        raise InputError(
            f"{path}: made with head model {made_with}, not {head_digest}; run the `track` stage again (`dvc repro`)"
        )
