"""What tracking gives: a person's shape, and a clip's motion in VHAP's terms, with their files."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.device import move
from emotag.errors import InputError
from emotag.files import read_json, write_json
from emotag.head.model import HeadModel
from emotag.tables import column, frame_table, read_metadata, read_table, write_table

_FORMAT = "emotag-shape-4"


@dataclass(frozen=True)
class PersonShape:
    """What is constant for a person, fitted on the reference clip."""

    shape: Tensor  # (S,)
    focal_length: float  # normalised: pixels / max(height, width)
    neutral_expression: Tensor  # (E,)
    neutral_jaw: Tensor  # (3,) axis-angle, radians
    landmark_offset: Tensor  # (468, 3) metres, rest pose: this person's landmarks minus the head's embedding
    lid_opening: Tensor | None = None  # (2, 5) of the outer-eye distance: the usual opening at the iris network's pairs
    closed_lips: Tensor | None = None  # (9,) of the same: what landmarks show between touching lips (see `closure`)
    usual_face: Tensor | None = None  # (K,) codes of the landmarks' mean (see `bias`); None: landmarks stay
    undone: tuple[float, float] = (1.0, 1.0)  # shares of the bias of the usual face and of motion that are taken out
    static_offset: Tensor | None = None  # (V, 3) metres, rest pose: hair, ears, neck; as HeadModel.vertices' offset
    albedo: Tensor | None = None  # (V, 3) RGB of 1 under `light`; NaN where the reference clip never saw the vertex
    light: Tensor | None = None  # (9, 3) spherical harmonics of the reference clip, RGB (see `photometric.light`)

    def save(self, path: Path | str, metadata: dict[str, Any]) -> None:
        """Write one JSON file; `metadata` (engine, digest of the head, clip …) stands beside the numbers."""
        values = {name: _listed(getattr(self, name), digits) for name, digits in _TENSORS.items()}
        note = {"format": _FORMAT, **metadata, "focal_length": self.focal_length, "undone": self.undone}
        write_json(path, note | values)

    @staticmethod
    def load(path: Path | str) -> "PersonShape":
        """Read what `save` wrote. Raises InputError when it is missing or something else."""
        note = read_json(path)
        try:
            if note["format"] != _FORMAT:
                raise KeyError("format")
            tensors = {name: _tensor(note[name]) for name in _TENSORS}
            face, motion = note["undone"]
            return PersonShape(focal_length=float(note["focal_length"]), undone=(face, motion), **tensors)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a person's shape ({error}); delete it and run `dvc repro shape`") from None

    def check(self, head: HeadModel, path: Path | str) -> None:
        """Raise InputError when the shape was made with another head model."""
        if len(self.shape) != head.n_shape or len(self.neutral_expression) != head.n_expression:
            raise InputError(
                f"{path}: has {len(self.shape)} shape and {len(self.neutral_expression)} expression coefficients, the "
                f"head model '{head.name}' has {head.n_shape} and {head.n_expression}; run the `shape` stage again"
            )
        if self.static_offset is not None and len(self.static_offset) != head.n_vertices:
            raise InputError(
                f"{path}: has offsets of {len(self.static_offset)} vertices, the head model '{head.name}' has "
                f"{head.n_vertices}; run the `shape` stage again"
            )

    def to(self, device: torch.device | str) -> "PersonShape":
        """Give the person with every tensor on `device`."""
        return move(self, device)


_TENSORS = {
    "shape": None, "neutral_expression": None, "neutral_jaw": None, "landmark_offset": None, "lid_opening": None,
    "closed_lips": None,    "usual_face": None, "static_offset": 6, "albedo": 4, "light": None,
}  # fmt: skip
"""Decimals that are kept of each: a micrometre, and a fortieth of a grey level."""


def _listed(tensor: Tensor | None, digits: int | None) -> Any:
    if tensor is None:
        return None
    values = tensor.double().cpu()
    if digits is not None:
        values = values.round(decimals=digits)
    if not bool(values.isfinite().all()):  # JSON has no NaN: whole rows are null
        return [row.tolist() if bool(row.isfinite().all()) else None for row in values]
    return values.tolist()


def _tensor(value: Any) -> Any:  # Tensor or None
    if value is None:
        return None
    width = next((len(row) for row in value if isinstance(row, list)), 0)
    rows = [[float("nan")] * width if row is None else row for row in value]
    return torch.tensor(rows, dtype=torch.float32)


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
        offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
    ) -> Tensor:  # (B, V, 3) metres, world
        """Pose the head model on some of the frames."""
        part = self.select(frames)
        return head.vertices(
            part.shape, part.expression, part.jaw_pose, part.neck_pose, part.eyes_pose, part.rotation,
            part.translation, offset,
        )  # fmt: skip

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
