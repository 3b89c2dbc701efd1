"""Reading landmarks and action units off a video, the same way for truth and render."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotag.media.video import count_frames, stream_frames
from emotag.metrics.evaluate import Readings
from emotag.perception.action_units.engines import make_action_units
from emotag.perception.action_units.protocol import COLUMNS, ActionUnitEngine, FaceClip, Levels
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.ibug68 import to_ibug68
from emotag.perception.landmarks.iris import IrisNetwork
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.progress import track
from stages.settings import PipelineSettings
from stages.workspace import Workspace


@dataclass(frozen=True)
class Reader:
    """The perception engines of a run, loaded once."""

    landmarker: FaceMesh
    detector: BlazeFace
    iris: IrisNetwork
    units: ActionUnitEngine
    settings: PipelineSettings

    @staticmethod
    def make(workspace: Workspace, settings: PipelineSettings) -> "Reader":
        """Load the engines: action units by the chosen one. Raises InputError when it, or a network, is missing."""
        models, units = workspace.open_models, make_action_units(settings.action_units)
        return Reader(FaceMesh(models), BlazeFace(models), IrisNetwork(models), units, settings)

    def read(self, video: Path, what: str) -> tuple[np.ndarray, np.ndarray, Levels]:
        """Give the 68 points (T, 68, 2), their validity (T,), and the action units' levels above no rest yet."""
        frames = track(stream_frames(video), f"landmarks of {what}", count_frames(video))
        series = track_landmarks(frames, self.detector, self.landmarker, self.iris, self.settings.landmarks)
        clip = FaceClip(video.stem, video, series.points, series.valid, lambda: stream_frames(video))
        levels = self.units.read(clip)
        return to_ibug68(series.points), series.valid, levels

    def readings(self, points: np.ndarray, valid: np.ndarray, levels: Levels, neutral: np.ndarray) -> Readings:
        """Put them together, with intensities above the rest of the true person."""
        intensities = self.units.intensities(levels, neutral)
        units = {name: intensities[:, index] for index, name in enumerate(COLUMNS)}
        return Readings(points, valid, units, np.isfinite(intensities).all(axis=1))
