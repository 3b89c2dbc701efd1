"""What evaluation reads off a video: landmarks, action units and lip sync, the same way for truth and render."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotag.media.video import count_frames, stream_frames
from emotag.metrics.engines import Unmeasured, make_lpips, make_sync
from emotag.metrics.evaluate import Perceptual, Readings
from emotag.metrics.settings import MetricSettings
from emotag.perception.action_units.engines import make_action_units
from emotag.perception.action_units.protocol import COLUMNS, ActionUnitEngine, ActionUnitSettings, FaceClip
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.ibug68 import to_ibug68
from emotag.perception.landmarks.iris import IrisNetwork
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.progress import track
from stages.settings import PipelineSettings
from stages.workspace import Workspace

if TYPE_CHECKING:
    from emotag.metrics.sync import SyncScorer

TRUTH = "truth"
"""The version that others are compared with, and whose rest the action units stand above."""


@dataclass(frozen=True)
class Version:
    """A version of the clip on disk."""

    video: Path
    name: str  # of the clip, for engines that look a clip up


@dataclass(frozen=True)
class Scorer:
    """The engines of an evaluation, loaded once. Those that are not there say why."""

    landmarker: FaceMesh
    detector: BlazeFace
    iris: IrisNetwork
    units: ActionUnitEngine | Unmeasured
    sync: "SyncScorer | Unmeasured"
    perceptual: Perceptual | Unmeasured
    settings: PipelineSettings

    @staticmethod
    def make(workspace: Workspace, settings: PipelineSettings, metrics: MetricSettings) -> "Scorer":
        """Load the engines. Raises InputError when one that was asked for by name lacks something."""
        models = workspace.open_models
        units = _action_units(settings.action_units)
        sync, perceptual = make_sync(metrics.sync), make_lpips(metrics.lpips)
        return Scorer(FaceMesh(models), BlazeFace(models), IrisNetwork(models), units, sync, perceptual, settings)

    def read(
        self,
        versions: Mapping[str, Version],  # TRUTH among them
        waveform: np.ndarray,  # (N,) 16 kHz, the clip's sound
    ) -> dict[str, Readings]:
        """Read every version of the clip."""
        clips = {what: self._look(version, what) for what, version in versions.items()}
        units = self._units(clips)
        found = {}
        for what, clip in clips.items():
            points = to_ibug68(clip.points)
            score = None
            if not isinstance(self.sync, Unmeasured):
                frames = track(stream_frames(clip.video), f"lip sync of {what}", len(clip.valid))
                score = self.sync.score(frames, points, clip.valid, waveform)
            found[what] = Readings(points, clip.valid, *units[what], score)
        return found

    def lacking(self, readings: Mapping[str, Readings]) -> dict[str, str]:
        """Say of each metric that has no number why, by its label."""
        parts = {"LPIPS": self.perceptual, "Sync": self.sync, "AUE": self.units}
        told = {label: part.reason for label, part in parts.items() if isinstance(part, Unmeasured)}
        blind = [what for what, one in readings.items() if one.sync is None]
        if "Sync" not in told and blind:
            told["Sync"] = f"no face, or fewer than six frames, in {' and '.join(blind)}"
        return told

    def engines(self) -> dict[str, dict[str, str]]:
        """Give the engines that measured, for the metrics file."""
        parts: dict[str, Any] = {"action_units": self.units, "lpips": self.perceptual, "sync": self.sync}
        return {
            task: {"engine": getattr(part, "engine", None) or part.name, "version": part.version}
            | ({"weights": part.weights} if part.weights else {})
            for task, part in parts.items()
            if not isinstance(part, Unmeasured)
        }

    def _look(self, version: Version, what: str) -> FaceClip:
        def images() -> Any:
            return stream_frames(version.video)

        frames = track(images(), f"landmarks of {what}", count_frames(version.video))
        series = track_landmarks(frames, self.detector, self.landmarker, self.iris, self.settings.landmarks)
        return FaceClip(version.name, version.video, series.points, series.valid, images)

    def _units(
        self, clips: Mapping[str, FaceClip]
    ) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray]]:  # intensities by column, valid (T,)
        """Read action units, all versions' above the rest of the true person."""
        if isinstance(self.units, Unmeasured):
            nothing = {what: np.full((len(clip.valid), len(COLUMNS)), np.nan) for what, clip in clips.items()}
            return {what: _columns(values) for what, values in nothing.items()}
        levels = {what: self.units.read(clip) for what, clip in clips.items()}
        neutral = self.units.neutral([levels[TRUTH]])
        return {what: _columns(self.units.intensities(level, neutral)) for what, level in levels.items()}


def _columns(intensities: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    units = {name: intensities[:, index] for index, name in enumerate(COLUMNS)}
    return units, np.isfinite(intensities).all(axis=1)


def _action_units(settings: ActionUnitSettings) -> ActionUnitEngine | Unmeasured:
    if settings.engine == "openface" and settings.openface.tables is not None:
        return Unmeasured(
            "action_units.openface.tables holds tables of clips and none of renders; clear it so that OpenFace runs"
        )
    return make_action_units(settings)
