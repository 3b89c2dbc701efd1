"""What the tracker is given: the landmarks of a clip."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from emotag.device import move
from emotag.errors import InputError
from emotag.perception.tracking.landmark_set import CONTOUR_PAIRS, OUTER_EYES
from emotag.perception.tracking.rig import N_LANDMARKS
from emotag.tables import column, read_table


@dataclass(frozen=True)
class Observations:
    """The landmarks of T frames. Rows of `points` and `iris` where `valid` is False hold anything."""

    points: Tensor  # (T, 468, 3) float32: x, y in pixels, z in pixels too (smaller is nearer)
    valid: Tensor  # (T,) bool
    width: int  # of the image, pixels
    height: int
    iris: Tensor | None = None  # (T, 2, 2) pixels: centres of the person's left and right iris
    eyelids: Tensor | None = None  # (T, 2, 16, 2) pixels: contour of the left and right eye, see CONTOUR_PAIRS

    def __post_init__(self) -> None:
        if self.points.shape[1:] != (N_LANDMARKS, 3) or self.valid.shape != self.points.shape[:1]:
            raise ValueError(f"points {tuple(self.points.shape)} and valid {tuple(self.valid.shape)} do not agree")

    @staticmethod
    def load(path: Path | str, width: int, height: int) -> "Observations":
        """Read a landmarks table (docs/architecture.md) of a crop of this size; `iris` and `eyelids` when there.

        Raises InputError when the table is missing, empty or lacks a column.
        """
        table = read_table(path)
        if table.num_rows == 0:
            raise InputError(f"{path}: holds no frames; run the `landmarks` stage again")
        points = torch.from_numpy(column(table, "points468")).reshape(-1, N_LANDMARKS, 3)
        valid = torch.from_numpy(column(table, "valid")) & points.isfinite().all(dim=2).all(dim=1)
        iris = None
        if "iris" in table.column_names:
            iris = torch.from_numpy(column(table, "iris")).reshape(len(points), 2, -1, 3)[:, :, 0, :2]
        eyelids = None
        if "eyelids" in table.column_names:
            eyelids = torch.from_numpy(column(table, "eyelids")).reshape(len(points), 2, 16, -1)[..., :2]
        return Observations(points, valid, width, height, iris, eyelids)

    def __len__(self) -> int:
        return len(self.points)

    def to(self, device: torch.device | str) -> "Observations":
        """Give the same on `device`."""
        return move(self, device)

    def select(self, frames: Tensor | slice) -> "Observations":
        """Give some of the frames."""
        iris, eyelids = (None if part is None else part[frames] for part in (self.iris, self.eyelids))
        return replace(self, points=self.points[frames], valid=self.valid[frames], iris=iris, eyelids=eyelids)

    def filled(self) -> "Observations":
        """Give the same with invalid rows replaced by linear interpolation, held at the ends. Stays invalid."""
        if bool(self.valid.all()):
            return self
        optional = (self.iris, self.eyelids)
        iris, eyelids = (None if part is None else interpolate(part, self.valid) for part in optional)
        return replace(self, points=interpolate(self.points, self.valid), iris=iris, eyelids=eyelids)

    def eye_distance(self) -> float:
        """Median distance of the outer eye corners over valid frames, pixels: the unit of errors."""
        return float(eye_distances(self.points[self.valid]).median())


def eye_distances(points: Tensor) -> Tensor:  # (T, 468, >=2) -> (T,)
    """Distance of the outer eye corners per frame, in the points' unit (image plane)."""
    right, left = OUTER_EYES
    return (points[:, right, :2] - points[:, left, :2]).norm(dim=-1)


def lid_openings(
    eyelids: Tensor,  # (T, 2, 16, 2) pixels
    unit: float,  # pixels: the outer-eye distance
) -> Tensor:  # (T, 2, 5) of the eyes
    """Distance of the lids at each of CONTOUR_PAIRS."""
    upper, lower = zip(*CONTOUR_PAIRS)
    return (eyelids[:, :, list(upper)] - eyelids[:, :, list(lower)]).norm(dim=-1) / unit


def require_valid(observations: Observations, least: float, name: str) -> None:
    """Raise InputError when fewer than the fraction `least` of the frames (or none) have landmarks."""
    total, valid = len(observations), int(observations.valid.sum())
    if valid == 0 or valid < least * total:
        raise InputError(
            f"{name}: only {valid} of {total} frames have face landmarks (needed: {least:.0%}); "
            "look at the landmarks' contact sheet, cut the clip to where the face is seen or lower `min_valid`"
        )


def interpolate(
    values: Tensor,  # (T, ...)
    valid: Tensor,  # (T,) bool, at least one True
) -> Tensor:  # (T, ...)
    """Replace invalid rows by linear interpolation between valid neighbours; hold the first and last valid row."""
    known = valid.nonzero().squeeze(1)
    frames = torch.arange(len(values), device=values.device)
    after = torch.searchsorted(known, frames).clamp(max=len(known) - 1)
    before = (torch.searchsorted(known, frames, right=True) - 1).clamp(min=0)
    low, high = known[before], known[after]
    fraction = ((frames - low) / (high - low).clamp(min=1)).clamp(0, 1).to(values.dtype)
    fraction = fraction.reshape(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values[low], values[high], fraction)
