"""VHAP as a tracker: run on the crop, or read from what it gave before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from emotag.errors import InputError
from emotag.external.need import require
from emotag.files import sha256
from emotag.head.model import HeadModel
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.quality import reprojection_error
from emotag.perception.tracking.track import PersonShape, Track
from emotag.perception.tracking.tracker import Advance, TrackedClip
from emotag.perception.tracking.vhap.clock import on_our_clock
from emotag.perception.tracking.vhap.convert import require_flame, to_person, to_track
from emotag.perception.tracking.vhap.read import latest_tracking, read_recording
from emotag.perception.tracking.vhap.run import Job, run_vhap, version
from emotag.perception.tracking.vhap.settings import VhapSettings

_DIGEST = 16
_BATCH = 64  # frames posed at once


class VhapTracker:
    """Versatile Head Alignment with Adaptive Appearance Priors (Qian, 2024), which the paper tracks with.

    The shape and focal length of a person are those of the reference clip; when VHAP is run here on another clip, it is
    told to keep them.
    """

    name = "vhap"
    shape_steps = 1

    def __init__(
        self,
        head: HeadModel,
        settings: VhapSettings,
        resolution: int,  # side of the crops, pixels
        neutral_fraction: float = 0.25,
        flame: Path | None = None,  # the pickle the head model was made of: VHAP's must be the same
    ) -> None:
        require_flame(head)
        self._head, self._settings, self._resolution = head, settings, resolution
        self._neutral_fraction, self._flame = neutral_fraction, flame
        self.version = version(settings.checkout)
        self._note: dict[str, Any] = {}

    def fit_shape(self, clip: TrackedClip, advance: Advance) -> PersonShape:
        """See Tracker. Raises InputError."""
        path = self._tracked(clip.reference, clip.reference_video, None)
        recording = read_recording(path)
        person = to_person(recording, self._head, self._neutral_fraction)
        self._remember(path)
        advance(1)
        return person

    def fit_track(self, clip: TrackedClip, person: PersonShape, advance: Advance) -> Track:
        """See Tracker. Raises InputError when VHAP's result is not of this clip or not of this person."""
        path = self._tracked(clip.name, clip.video, clip if clip.name != clip.reference else None)
        frames = len(clip.observations)
        rows, valid = on_our_clock(
            read_recording(path), frames, self._settings.fps, self._settings.min_frames, clip.name
        )
        made = to_track(rows, valid, self._head, person, self._resolution)
        off = float(made.difference[made.track.valid].median())
        if off > self._settings.max_difference * self._resolution:
            raise InputError(
                f"{path}: VHAP's head and the track of clip {clip.name} on the person's shape are {off:.1f} px apart; "
                f"track it with the shape of {clip.reference} (VHAP: model.flame_params_path), or correct the clip's "
                "identity"
            )
        self._remember(path)
        self._note["difference_px"] = round(off, 4)
        advance(frames)
        return _with_error(made.track, self._head, person, clip.observations)

    def note(self) -> dict[str, Any]:
        """See Tracker: the file that was read, its digest, and how far our mesh is from VHAP's."""
        return dict(self._note)

    def _tracked(self, clip: str, video: Path, other: TrackedClip | None) -> Path:
        """Give what VHAP gave for a clip; `other` when it is not its person's reference clip."""
        if clip in self._settings.imports:
            return self._settings.imports[clip]
        self._check_ready()
        reference = None
        if other is not None:
            reference = self._tracked(other.reference, other.reference_video, None)
            if reference.is_dir():
                if (reference / "transforms.json").is_file():
                    raise InputError(
                        f"{reference}: VHAP cannot start from a data set; import the tracked_flame_params_N.npz of "
                        f"{other.reference} (track.vhap.imports) instead, or import {clip} too"
                    )
                reference = latest_tracking(reference)
        return run_vhap(Job(clip, video, reference), self._settings)

    def _check_ready(self) -> None:
        from emotag.perception.tracking.engines import VHAP_TO_RUN

        require(VHAP_TO_RUN, self._settings, "landmarks")
        if self._flame is None:
            return
        wanted, files = sha256(self._flame), sorted((self._settings.checkout / "asset" / "flame").glob("*.pkl"))
        if not any(sha256(file) == wanted for file in files):
            raise InputError(
                f"{self._settings.checkout}/asset/flame: none of its pickles is {self._flame}, of which the head model "
                "is made; VHAP and `head.source` must use the same FLAME"
            )

    def _remember(self, path: Path) -> None:
        file = path / "transforms.json" if path.is_dir() and (path / "transforms.json").is_file() else path
        file = latest_tracking(file) if file.is_dir() else file
        self._note = {"source": _told(file), "source_digest": sha256(file)[:_DIGEST]}


def _told(file: Path) -> str:
    """Give the path as seen from the project's folder, so that a table is the same wherever the project stands."""
    here, file = Path.cwd(), file.absolute()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _with_error(track: Track, head: HeadModel, person: PersonShape, observations: Observations) -> Track:
    """Fill in `reprojection_px` against the landmarks of our own landmarks stage."""
    camera = track.camera(observations.width, observations.height)
    seen = []
    for start in range(0, len(track), _BATCH):
        vertices = track.vertices(head, slice(start, start + _BATCH), person.static_offset)
        seen.append(camera.project(head.landmarks468.points(vertices, head.faces))[0])
    error = reprojection_error(torch.cat(seen), observations)
    return replace(track, reprojection_px=torch.where(track.valid, error, torch.nan))
