"""What tracks: a person's constants from the reference clip, then the motion of each clip."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emotag.head.model import HeadModel
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.track import PersonShape, Track

Advance = Callable[[int], None]
"""Told of finished steps of `shape_steps` or of frames."""


@dataclass(frozen=True)
class TrackedClip:
    """A clip as a tracker takes it."""

    name: str
    video: Path  # the crop
    observations: Observations  # its landmarks
    reference: str  # name of the person's reference clip
    reference_video: Path  # its crop


class Tracker(Protocol):
    """Gives shapes and motions in VHAP's terms (docs/architecture.md: shape, track)."""

    name: str
    version: str

    @property
    def shape_steps(self) -> int:
        """How often `fit_shape` advances by one."""

    def fit_shape(self, clip: TrackedClip, advance: Advance) -> PersonShape:
        """Fit what is constant for the person on her reference clip. Raises InputError."""

    def fit_track(self, clip: TrackedClip, person: PersonShape, advance: Advance) -> Track:
        """Fit the motion of a clip, one row per frame; advances by frames. Raises InputError."""

    def note(self) -> dict[str, Any]:
        """Tell more of the last fit, for the file's metadata and the summary."""


class LandmarkTracker:
    """This project's fit of the 468 Face Mesh landmarks."""

    name = "landmarks"
    version = "2"

    def __init__(self, head: HeadModel, shape: ShapeSettings, track: TrackSettings) -> None:
        self._head, self._shape, self._track = head, shape, track

    @property
    def shape_steps(self) -> int:
        """See Tracker: one and a step for every round of offsets."""
        return 1 + self._shape.offset_rounds

    def fit_shape(self, clip: TrackedClip, advance: Advance) -> PersonShape:
        """See Tracker."""
        from emotag.perception.tracking.shape import fit_shape

        return fit_shape(clip.observations, self._head, self._shape, clip.name, advance)

    def fit_track(self, clip: TrackedClip, person: PersonShape, advance: Advance) -> Track:
        """See Tracker."""
        from emotag.perception.tracking.fit import fit_track

        return fit_track(clip.observations, self._head, person, self._track, clip.name, advance)

    def note(self) -> dict[str, Any]:
        """See Tracker: nothing more."""
        return {}
