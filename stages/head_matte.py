"""The head's matte of a video that is no clip of the DAG: tracked and cut out as the stages do, in one go."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.media.video import count_frames, stream_frames
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.perception.matte.neck import head_alpha, neck_line, neck_rings
from emotag.perception.matte.selfie import SelfieSegmentation
from emotag.perception.matte.sequence import person_alphas
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.tracker import LandmarkTracker, TrackedClip
from emotag.progress import progress_bar, track
from stages.scoring import Scorer
from stages.workspace import Workspace


def head_mattes(
    workspace: Workspace,
    scorer: Scorer,
    video: Path,  # one person, face-centred, square, 25 fps
    name: str,
) -> Iterator[np.ndarray]:  # each (H, W) uint8
    """Yield the head's alpha of every frame, by the person's segmentation above the tracked neck line.

    The person is fitted on this very video, by the open tracker whatever `track.engine` says: only where the neck is
    comes of it. Raises InputError when the video is not square or shows no face.
    """
    settings, frames = scorer.settings, count_frames(video)
    first = next(stream_frames(video))
    height, width = first.shape[:2]
    if height != width:
        raise InputError(f"{name}: {width}×{height} is not square, so no head can be tracked in it; give --matte")
    images = track(stream_frames(video), f"landmarks of {name}", frames)
    series = track_landmarks(images, scorer.detector, scorer.landmarker, scorer.iris, settings.landmarks)
    if not series.valid.any():
        raise InputError(f"{name}: shows no face in any of its {frames} frames; give --matte, or another video")
    observations = Observations(
        torch.from_numpy(np.asarray(series.points, np.float32)),
        torch.from_numpy(series.valid),
        width,
        height,
        torch.from_numpy(np.asarray(series.iris, np.float32))[:, :, 0, :2],
        torch.from_numpy(np.asarray(series.eyelids, np.float32))[..., :2],
    )
    head = HeadModel.load(workspace.head)
    tracker = LandmarkTracker(head, settings.shape, settings.track)
    clip = TrackedClip(name, video, observations, name, video)
    with progress_bar(f"tracking {name}", tracker.shape_steps + frames) as bar:
        person = tracker.fit_shape(clip, bar.advance)
        motion = tracker.fit_track(clip, person, bar.advance)
    rings = neck_rings(head, motion, width, settings.matte.neck_lift)
    segmenter = SelfieSegmentation(workspace.open_models)
    stream = track(stream_frames(video), f"matte of {name}", frames)
    for index, (_, person_alpha) in enumerate(person_alphas(stream, segmenter, settings.matte)):
        yield head_alpha(person_alpha, neck_line(rings[index]), settings.matte.neck_softness * height)
