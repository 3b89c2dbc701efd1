"""An avatar filmed for its evaluation: rendered from cues, laid over cue frames, timed, compared on its way to disk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.device import move
from emotag.head.model import HeadModel
from emotag.media.video import read_frames, read_lossless, write_video
from emotag.metrics.efficiency import timed
from emotag.metrics.pictures import LOSSLESS, PictureScores
from emotag.metrics.protocols import CuesName
from emotag.metrics.statistics import Columns
from emotag.motion.motion import Motion
from emotag.progress import track
from emotag.synthesis.align import aligned_cues
from emotag.synthesis.drive import Cues, render_sequence
from emotag.synthesis.drive import speak as predict
from emotag.synthesis.footage import Footage, paste, whole_frame
from emotag.synthesis.store import Avatar
from emotag.synthesis.underlays import Underlays
from emotag.timing import Stopwatch
from emotag.training.clip import load_features
from stages.settings import ComposeSettings
from stages.workspace import Workspace

CRF = 10
"""Quality of the scored H.264 files: visually lossless, as the peers' are scored through H.264 too."""

WARM_UP_FRAMES = 16
"""Frames rendered before anything is timed: kernels are compiled, or read from disk, with the first ones."""


@dataclass(frozen=True)
class FilmSet:
    """An avatar, its cues for every frame of the sound, and the frames it is laid over."""

    head: HeadModel
    avatar: Avatar
    clip: str  # that is tested
    cues: Cues  # T frames
    order: Tensor | None  # (T,) the cue clip's frame under each; None: its frames in order, which are the truth's own
    footage: Footage  # the cue clip's
    underlays: Underlays
    focal_length: float  # of the cue clip

    @staticmethod
    def lay(
        workspace: Workspace,
        compose: ComposeSettings,
        head: HeadModel,
        avatar: Avatar,
        clip: str,  # that is tested
        source: str,  # the clip that gives cues
        frames: int,  # T, of the sound
        device: torch.device,
    ) -> "FilmSet":
        """Read the cue clip; it is played back and forth where it is not the tested one. Raises InputError."""
        features = move(load_features(workspace.file("features", source, "parquet")), device)
        matte = read_lossless(workspace.file("matte", source, "mkv"))
        footage = Footage.make(read_frames(workspace.file("crop", source, "mp4")), matte, compose.plate)
        cues, order = aligned_cues(head, avatar, features, footage, compose.alignment), None
        if source != clip:
            cues, order = cues.looped(frames)
        underlays = footage.underlays(compose.composition).to(device)
        return FilmSet(head, avatar, clip, cues, order, footage, underlays, features.focal_length)

    def predict(self, audio: Tensor, watch: Stopwatch) -> Motion:  # (T, Da)
        """Predict the motion, timed as `grmn`, after everything that is timed has run once."""
        motion = predict(self.avatar, audio, self.cues)
        first = slice(0, min(WARM_UP_FRAMES, len(audio)))
        for _ in self._frames(motion.frames(first), first, Stopwatch(audio.device)):
            pass
        with watch.measure("grmn"):
            return predict(self.avatar, audio, self.cues)

    def film(
        self,
        video: Path,
        face: Motion | None,  # None keeps the face at rest (the frozen baseline)
        what: str,  # beside the progress bar
        watch: Stopwatch,  # gets what `Speed.of` takes apart
        **options: Any,  # of write_video
    ) -> Columns:
        """Write the video; give its picture metrics before encoding where its frames are the truth's own."""
        scores = PictureScores(self.clip)
        images = self._frames(face, slice(None), watch)
        if self.order is None:
            images = self._compared(images, scores, watch)
        with watch.measure("writing"):
            write_video(video, track(images, what, len(self.cues)), crf=CRF, **options)
        return scores.columns(LOSSLESS) if self.order is None else {}

    def _frames(self, face: Motion | None, part: slice, watch: Stopwatch) -> Iterator[np.ndarray]:
        window = whole_frame(self.footage)
        camera = Camera(self.focal_length, window.width, window.height)
        renders = render_sequence(self.head, self.avatar, face, self.cues.pose[part], camera, window)
        order = None if self.order is None else self.order[part]
        return timed(paste(timed(renders, watch, "renders"), self.underlays, order), watch, "frames")

    def _compared(self, images: Iterable[np.ndarray], scores: PictureScores, watch: Stopwatch) -> Iterator[np.ndarray]:
        for image, true, mask in zip(images, self.footage.frames, self.footage.head_alpha, strict=True):
            with watch.measure("scoring"):
                scores.add(true, mask, image)
            yield image


def cue_clip(cues: CuesName, clip: str, reference: str) -> str:
    """Name the clip that gives cues."""
    return clip if cues == "own" else reference
