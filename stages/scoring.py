"""What evaluation reads off a video, the same way for truth and render.

Landmarks, and from them and the pictures action units, the teacher's emotions, a few frames' identity and lip sync.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotag.errors import InputError
from emotag.media.video import count_frames, frames_at, stream_frames
from emotag.metrics.engines import Unmeasured, make_lpips, make_sync
from emotag.metrics.identity import chosen_frames
from emotag.metrics.pictures import Perceptual
from emotag.metrics.readings import Portraits, Readings
from emotag.metrics.settings import MetricSettings
from emotag.metrics.sync_score import SyncScore
from emotag.perception.action_units.engines import make_action_units
from emotag.perception.action_units.protocol import COLUMNS, ActionUnitEngine, ActionUnitSettings, FaceClip
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.emotion.engines import make_emotion
from emotag.perception.emotion.protocol import EmotionEngine, Sources
from emotag.perception.identity.engines import make_identity
from emotag.perception.identity.protocol import EMBEDDING, IdentityEngine
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.ibug68 import to_ibug68
from emotag.perception.landmarks.iris import IrisNetwork
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.progress import track
from stages.known import Known
from stages.settings import PipelineSettings
from stages.workspace import Workspace

if TYPE_CHECKING:
    from emotag.metrics.sync import SyncScorer

TRUTH = "truth"
"""The version that others are compared with, and whose rest the action units stand above."""

Intensities = np.ndarray  # (T, 17) in the order of COLUMNS; NaN where a frame is not valid


@dataclass(frozen=True)
class Version:
    """A version of the clip on disk."""

    video: Path
    name: str  # of the clip, for engines that look a clip up
    known: Known | None = None  # what its tables say, when it is a clip of params.yaml


@dataclass(frozen=True)
class Scorer:
    """The engines of an evaluation, loaded once. Those that are not there say why."""

    landmarker: FaceMesh
    detector: BlazeFace
    iris: IrisNetwork
    units: ActionUnitEngine | Unmeasured
    emotion: EmotionEngine | Unmeasured
    identity: IdentityEngine
    sync: "SyncScorer | Unmeasured"
    perceptual: Perceptual | Unmeasured
    settings: PipelineSettings

    @staticmethod
    def make(workspace: Workspace, settings: PipelineSettings, metrics: MetricSettings) -> "Scorer":
        """Load the engines. Raises InputError when one that was asked for by name lacks something."""
        models = workspace.open_models
        units = _action_units(settings.action_units)
        teacher = make_emotion(settings.emotion)
        blind = isinstance(units, Unmeasured) and not teacher.looks
        emotion = Unmeasured("the teacher reads action units, which are not measured") if blind else teacher
        return Scorer(
            FaceMesh(models), BlazeFace(models), IrisNetwork(models), units, emotion, make_identity(settings.identity),
            make_sync(metrics.sync), make_lpips(metrics.lpips), settings,
        )  # fmt: skip

    def read(
        self,
        versions: Mapping[str, Version],  # TRUTH among them
        waveform: np.ndarray,  # (N,) 16 kHz, the clip's sound
    ) -> dict[str, Readings]:
        """Read every version of the clip; what is known of one is not read again."""
        clips = {what: self._look(version, what) for what, version in versions.items()}
        units = self._units(clips, versions[TRUTH].known)
        emotions = self._emotions(clips, units, versions[TRUTH].known)
        wanted = chosen_frames(clips[TRUTH].valid)
        found = {}
        for what, clip in clips.items():
            found[what] = Readings(
                to_ibug68(clip.points),
                clip.valid,
                {name: units[what][:, index] for index, name in enumerate(COLUMNS)},
                np.isfinite(units[what]).all(axis=1),
                self._sync(clip, what, waveform),
                emotions.get(what),
                self._portraits(clip, wanted),
            )
        return found

    def lacking(self, readings: Mapping[str, Readings]) -> dict[str, str]:
        """Say of each metric that has no number why, by its label."""
        parts = {"LPIPS": self.perceptual, "Sync": self.sync, "AUE": self.units, "Emotion": self.emotion}
        told = {label: part.reason for label, part in parts.items() if isinstance(part, Unmeasured)}
        blind = [what for what, one in readings.items() if one.sync is None]
        if "Sync" not in told and blind:
            told["Sync"] = f"no face, or fewer than six frames, in {' and '.join(blind)}"
        return told

    def engines(self) -> dict[str, dict[str, str]]:
        """Give the engines that measured, for the metrics file."""
        parts: dict[str, Any] = {
            "action_units": self.units,
            "emotion": self.emotion,
            "identity": self.identity,
            "lpips": self.perceptual,
            "sync": self.sync,
        }
        return {
            task: {"engine": getattr(part, "engine", None) or part.name, "version": part.version}
            | ({"weights": part.weights} if part.weights else {})
            for task, part in parts.items()
            if not isinstance(part, Unmeasured)
        }

    def _look(self, version: Version, what: str) -> FaceClip:
        def images() -> Any:
            return stream_frames(version.video)

        if version.known is not None:
            return FaceClip(version.name, version.video, version.known.points, version.known.valid, images)
        frames = track(images(), f"landmarks of {what}", count_frames(version.video))
        series = track_landmarks(frames, self.detector, self.landmarker, self.iris, self.settings.landmarks)
        return FaceClip(version.name, version.video, series.points, series.valid, images)

    def _units(self, clips: Mapping[str, FaceClip], truth: Known | None) -> dict[str, Intensities]:
        """Give intensities, all versions' above the true person's rest; what is known is not read again."""
        if isinstance(self.units, Unmeasured):
            return {what: np.full((len(clip.valid), len(COLUMNS)), np.nan) for what, clip in clips.items()}
        known = {} if truth is None else {TRUTH: truth.units}
        levels = {what: self.units.read(clip) for what, clip in clips.items() if what not in known}
        rest = self.units.neutral([levels[TRUTH]]) if truth is None else truth.rest
        if rest is None and self.units.above_rest:
            raise InputError("the truth's table of action units does not say above which rest; run its stage again")
        return known | {what: self.units.intensities(level, rest) for what, level in levels.items()}

    def _emotions(
        self,
        clips: Mapping[str, FaceClip],
        units: Mapping[str, Intensities],
        truth: Known | None,
    ) -> dict[str, np.ndarray]:  # (T, 7) each
        """Ask the teacher; what it said of the truth is known."""
        if isinstance(self.emotion, Unmeasured):
            return {}
        known = {} if truth is None else {TRUTH: truth.emotions}
        asked = [what for what in clips if what not in known]
        return known | {what: self.emotion.read(_sources(clips[what], units[what], what)) for what in asked}

    def _portraits(self, clip: FaceClip, wanted: np.ndarray) -> Portraits:
        """Embed single frames, each by itself; what the engine cannot embed is NaN."""
        embeddings = np.full((len(wanted), EMBEDDING), np.nan)
        for row, (frame, image) in enumerate(zip(wanted, frames_at(clip.video, wanted.tolist()))):
            if clip.valid[frame]:
                try:
                    embeddings[row] = self.identity.embed(clip.points[frame][None], [image])
                except ValueError:  # a face it sees nothing in: one frame less
                    continue
        return Portraits(wanted, embeddings)

    def _sync(self, clip: FaceClip, what: str, waveform: np.ndarray) -> SyncScore | None:
        if isinstance(self.sync, Unmeasured):
            return None
        frames = track(clip.images(), f"lip sync of {what}", len(clip.valid))
        return self.sync.score(frames, to_ibug68(clip.points), clip.valid, waveform)


def _sources(clip: FaceClip, units: Intensities, what: str) -> Sources:
    def shown() -> FaceClip:
        return replace(clip, images=lambda: track(clip.images(), f"emotion of {what}", len(clip.valid)))

    return Sources(lambda: units, shown)


def _action_units(settings: ActionUnitSettings) -> ActionUnitEngine | Unmeasured:
    if settings.engine == "openface" and settings.openface.tables is not None:
        return Unmeasured(
            "action_units.openface.tables holds tables of clips and none of renders; clear it so that OpenFace runs"
        )
    return make_action_units(settings)
