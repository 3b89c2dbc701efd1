"""The tracker that looks at pictures: landmarks first, then colours and outlines."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.media.video import ColorConverter, decode_frames, frames_at
from emotag.perception.matte.sequence import person_alphas
from emotag.perception.matte.settings import MatteSettings
from emotag.perception.tracking.fit import fit_track
from emotag.perception.tracking.photometric.motion import MotionRefinement
from emotag.perception.tracking.photometric.outline import overlap
from emotag.perception.tracking.photometric.person import PersonRefinement
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.shape import fit_shape
from emotag.perception.tracking.track import PersonShape, Track
from emotag.perception.tracking.tracker import Advance, TrackedClip


class PhotometricTracker:
    """Landmarks, then pictures: in `shape`, in `track` or in both, as their `engine` says. A `Tracker`."""

    name = "photometric"
    version = "2"

    def __init__(
        self,
        head: HeadModel,
        shape: ShapeSettings,
        track: TrackSettings,
        models: Path | str,  # folder of the open perception networks
        device: torch.device | str = "cpu",
    ) -> None:
        self._head, self._shape, self._track = head.to(device), shape, track
        self._models, self._device = models, device
        self._note: dict[str, Any] = {}

    @property
    def shape_steps(self) -> int:
        """See Tracker: one, a step for every round of offsets, and one for the pictures."""
        return 2 + self._shape.offset_rounds

    def fit_shape(self, clip: TrackedClip, advance: Advance) -> PersonShape:
        """See Tracker: with albedo, light and static offset."""
        refine = None
        if self._shape.engine == "photometric":
            persons = self._persons if self._shape.outline.rounds > 0 else None
            refine = PersonRefinement(
                lambda frames: frames_at(clip.video, frames), persons, self._head, self._shape.photometric,
                self._shape.outline,
            )  # fmt: skip
        seen = clip.observations.to(self._device)
        person = fit_shape(seen, self._head, self._shape, clip.name, advance, refine).to("cpu")
        self._note = {}
        if refine is not None and refine.seen is not None:
            head = self._head.to("cpu")
            before, after = (overlap(head, refine.seen, one) for one in (None, person.static_offset))
            self._note = {"outline_iou": [round(before, 4), round(after, 4)]}
        return person

    def fit_track(self, clip: TrackedClip, person: PersonShape, advance: Advance) -> Track:
        """See Tracker. Raises InputError when the person has no albedo."""
        seen, own = clip.observations.to(self._device), person.to(self._device)
        if self._track.engine != "photometric":
            return fit_track(seen, self._head, own, self._track, clip.name, advance).to("cpu")
        if person.albedo is None:
            raise InputError(
                f"{clip.name}: track.engine 'photometric' needs the person's albedo, which the shape of "
                f"{clip.reference} lacks; set shape.engine to 'photometric' as well, or track.engine to 'landmarks'"
            )
        settings = self._track.model_copy(update={"chunk_frames": self._track.photometric.chunk_frames})
        side = max(settings.photometric.levels)
        refine = MotionRefinement(
            lambda frames: read_reduced(clip.video, frames, side), self._head, own, seen.width, seen.height,
            settings.photometric,
        )  # fmt: skip
        track = fit_track(seen, self._head, own, settings, clip.name, advance, refine)
        self._note = {"photometric_rms": refine.residuals()}
        return track.to("cpu")

    def note(self) -> dict[str, Any]:
        """See Tracker: of a shape the outlines' overlap, of a track the colours' error (before, after)."""
        return self._note

    def _persons(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:  # (H, W) uint8 alphas
        from emotag.perception.matte.selfie import SelfieSegmentation

        still = MatteSettings(smooth_frames=0)  # the frames do not follow each other
        return [alpha for _, alpha in person_alphas(images, SelfieSegmentation(self._models), still)]


def read_reduced(path: Path, frames: slice, side: int) -> list[np.ndarray]:
    """Read a stretch of a clip, each picture reduced to at most `side` pixels at once: (h, w, 3) uint8 RGB."""
    converter, images = ColorConverter(), []
    for frame in islice(decode_frames(path, frames.start), frames.stop - frames.start):
        image = converter.to_rgb(frame)
        share = min(1.0, side / max(image.shape[:2]))
        if share < 1:
            size = round(image.shape[1] * share), round(image.shape[0] * share)
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        images.append(image)
    if len(images) < frames.stop - frames.start:
        raise InputError(f"{path}: ends before its landmarks do; run the stage `landmarks` again")
    return images
