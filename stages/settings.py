"""The settings tree: params.yaml, checked once."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from emotag.actors.settings import ActorSettings, Emotion, FilmSettings, TakeSettings
from emotag.errors import InputError
from emotag.head.settings import HeadSettings, OpenHeadSettings
from emotag.media.settings import IngestSettings
from emotag.metrics.protocols import DEFAULT_CUES, CuesName, ProtocolName
from emotag.metrics.settings import MetricSettings
from emotag.motion.settings import MotionSettings
from emotag.perception.action_units.protocol import ActionUnitSettings
from emotag.perception.audio.protocol import AudioSettings
from emotag.perception.crop_settings import CropSettings
from emotag.perception.emotion.protocol import EmotionSettings
from emotag.perception.geometry.settings import GeometrySettings
from emotag.perception.identity.protocol import IdentitySettings
from emotag.perception.landmarks.settings import LandmarksSettings
from emotag.perception.matte.settings import MatteSettings
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.report.settings import ReportSettings
from emotag.settings import Settings
from emotag.splats.settings import SplatSettings
from emotag.sync.settings import SyncSettings
from emotag.synthesis.settings import AlignmentSettings, CompositionSettings, PlateSettings
from emotag.training.settings import AdaptSettings, PretrainSettings

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""What names look like: they become file names and DVC stage names."""


class ClipEntry(Settings):
    """A stretch of a video of one person."""

    identity: str
    """The person."""

    video: Path
    """The source, relative to the project."""

    start_s: float = 0.0
    """Where the stretch starts, seconds of the source."""

    end_s: float | None = None
    """Where it ends; null is the end of the source."""


class IdentityEntry(Settings):
    """A person."""

    consent: str = Field(min_length=1)
    """Who agreed to what; `synthetic` for actors."""

    reference: str
    """The clip that shape and identity are read from."""


class AvatarEntry(Settings):
    """A person who gets an avatar."""

    reference: str
    """The clip it is adapted on: the person's reference."""


class TestEntry(Settings):
    """An avatar beside a true video of its person: what is varied, and where cues come from."""

    __test__ = False  # not a pytest class

    identity: str
    """The avatar."""

    clip: str
    """A clip of the same person that the avatar never saw."""

    protocol: ProtocolName = "self"
    """What the clip varies: nothing (self-reconstruction), `intensity`, `voice` (another person's) or `language`."""

    cues: CuesName | None = None
    """Frames that give head pose and upper face: `own`, or the adaptation's (`reference`); null as the paper does."""

    emotion: Emotion | None = None
    """What the person was asked to show, where that is known."""

    level: int | None = Field(None, ge=0, le=3)
    """How much of it, on MEAD's scale."""

    phones: Path | None = None
    """Table of the phones in the clip's video (emotag/metrics/phones.py); null is the truth of an actor's take."""

    def cues_from(self) -> CuesName:
        """Say where cues come from: as told, or as the paper's protocol has it."""
        return self.cues or DEFAULT_CUES[self.protocol]


class SoundEntry(Settings):
    """New audio."""

    file: Path
    """A sound file, relative to the project."""


class VideoEntry(Settings):
    """New audio spoken by an avatar."""

    identity: str
    """The avatar."""

    sound: str
    """The audio."""

    reference: str
    """The clip whose frames give head pose, upper face, torso and background."""


class ComposeSettings(Settings):
    """How a rendered head is laid over a frame."""

    plate: PlateSettings = PlateSettings()
    """The background behind the person."""

    alignment: AlignmentSettings = AlignmentSettings()
    """Setting the head exactly where the cue frames show it."""

    composition: CompositionSettings = CompositionSettings()
    """Taking the true head out, and laying the rendered one over."""


class PipelineSettings(Settings):
    """params.yaml."""

    actors: dict[str, ActorSettings] = {}
    """Synthetic actors by name."""

    takes: dict[str, TakeSettings] = {}
    """What actors say; each take becomes data/raw/<take>.mp4."""

    film: FilmSettings = FilmSettings()
    """How takes are filmed."""

    clips: dict[str, ClipEntry] = {}
    """Clips by name."""

    identities: dict[str, IdentityEntry] = {}
    """People by name."""

    corpus: list[str] = []
    """People whose clips pretrain the motion network."""

    avatars: dict[str, AvatarEntry] = {}
    """People who get an avatar."""

    tests: dict[str, TestEntry] = {}
    """Tests by name."""

    sounds: dict[str, SoundEntry] = {}
    """New audio by name."""

    videos: dict[str, VideoEntry] = {}
    """Which avatar speaks which audio."""

    resolution: int = Field(256, ge=64, le=1024, multiple_of=16)
    """Side of the square crops in pixels (512 in the paper)."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where training and rendering run; auto is CUDA when there is one."""

    open_head: OpenHeadSettings = OpenHeadSettings()
    """The head that actors are made of, and the default head model."""

    head: HeadSettings = HeadSettings()
    """The head model."""

    ingest: IngestSettings = IngestSettings()
    """Any video to 25 fps and 16 kHz."""

    crop: CropSettings = CropSettings()
    """Face-centred crops."""

    landmarks: LandmarksSettings = LandmarksSettings()
    """Face landmarks."""

    shape: ShapeSettings = ShapeSettings()
    """A person's shape."""

    track: TrackSettings = TrackSettings()
    """Per-frame tracking."""

    matte: MatteSettings = MatteSettings()
    """Person and head mattes."""

    geometry: GeometrySettings = GeometrySettings()
    """Pseudo ground truth of depth and normals."""

    action_units: ActionUnitSettings = ActionUnitSettings()
    """FACS intensities."""

    emotion: EmotionSettings = EmotionSettings()
    """The emotion teacher."""

    identity: IdentitySettings = IdentitySettings()
    """Identity embeddings."""

    audio: AudioSettings = AudioSettings()
    """Speech features."""

    sync: SyncSettings = SyncSettings()
    """How long after the picture the sound comes."""

    motion: MotionSettings = MotionSettings()
    """The motion network."""

    splats: SplatSettings = SplatSettings()
    """A person's splats."""

    pretrain: PretrainSettings
    """Pretraining."""

    adapt: AdaptSettings
    """Adaptation."""

    metrics: MetricSettings = MetricSettings()
    """Metrics that need networks."""

    compose: ComposeSettings = ComposeSettings()
    """Composition of rendered heads and true frames."""

    report: ReportSettings = ReportSettings()
    """The HTML page."""

    @field_validator("actors", "takes", "clips", "identities", "avatars", "tests", "sounds", "videos", mode="after")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"'{name}' cannot be a name: lower-case letters, digits and dashes only")
        return value

    @model_validator(mode="after")
    def _refer(self) -> Self:
        wanted: list[tuple[str, str, Mapping[str, Any]]] = []
        wanted += [(f"clips.{name}.identity", clip.identity, self.identities) for name, clip in self.clips.items()]
        wanted += [(f"identities.{name}.reference", one.reference, self.clips) for name, one in self.identities.items()]
        wanted += [("corpus", name, self.identities) for name in self.corpus]
        wanted += [("avatars", name, self.identities) for name in self.avatars]
        for name, take in self.takes.items():
            wanted += [(f"takes.{name}.actor", take.actor, self.actors)]
            wanted += [(f"takes.{name}.voice", take.voice, self.actors)]
        for name, test in self.tests.items():
            wanted += [(f"tests.{name}.identity", test.identity, self.avatars)]
            wanted += [(f"tests.{name}.clip", test.clip, self.clips)]
        for name, video in self.videos.items():
            wanted += [(f"videos.{name}.identity", video.identity, self.avatars)]
            wanted += [(f"videos.{name}.sound", video.sound, self.sounds)]
            wanted += [(f"videos.{name}.reference", video.reference, self.clips)]
        for where, name, section in wanted:
            if name not in section:
                raise ValueError(f"{where} names '{name}', which is not there")
        for name in self.sounds:
            if name in self.clips:
                raise ValueError(f"'{name}' names a clip and a sound: both would be data/audio/{name}.parquet")
        for name, avatar in self.avatars.items():
            if avatar.reference != self.identities[name].reference:
                raise ValueError(f"avatars.{name}.reference is not the person's reference clip")
            if name in self.corpus:
                raise ValueError(f"'{name}' is in the corpus and an avatar: adaptation must meet an unseen person")
        return self

    def clip(self, name: str) -> ClipEntry:
        """Give a clip. Raises InputError when there is none of that name."""
        return _entry(self.clips, name, "clip")

    def take(self, name: str) -> TakeSettings:
        """Give a take. Raises InputError when there is none of that name."""
        return _entry(self.takes, name, "take")

    def person(self, name: str) -> IdentityEntry:
        """Give a person. Raises InputError when there is none of that name."""
        return _entry(self.identities, name, "identity")

    def test(self, name: str) -> TestEntry:
        """Give a test. Raises InputError when there is none of that name."""
        return _entry(self.tests, name, "test")

    def video(self, name: str) -> VideoEntry:
        """Give a video. Raises InputError when there is none of that name."""
        return _entry(self.videos, name, "video")

    def corpus_clips(self) -> list[str]:
        """Name the clips that pretraining sees, sorted: the order of params.yaml must not change a result."""
        return sorted(name for name, clip in self.clips.items() if clip.identity in self.corpus)

    def clips_of(self, person: str) -> list[str]:
        """Name a person's clips of the corpus, sorted."""
        return [name for name in self.corpus_clips() if self.clips[name].identity == person]

    def same_recording(self, clip: str, other: str) -> bool:
        """Whether two clips are cut from one video: what is wrong with its sound is wrong in both."""
        return self.clip(clip).video == self.clip(other).video

    def pretraining_splats(self) -> SplatSettings:
        """Give the splats of the people of the corpus."""
        count = self.pretrain.splats
        return self.splats if count is None else self.splats.model_copy(update={"count": count})


def _entry(section: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in section:
        known = ", ".join(section) or "none yet"
        raise InputError(f"params.yaml has no {kind} '{name}' (there are: {known}); see `emotag --help`")
    return section[name]


def load_settings(path: Path = Path("params.yaml")) -> PipelineSettings:
    """Read and check params.yaml. Raises InputError with the first thing that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run this in the project's folder") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    return parse_settings(content, path)


def parse_settings(content: Any, path: Path) -> PipelineSettings:
    """Check the content of params.yaml. Raises InputError with the first thing that is wrong."""
    try:
        return PipelineSettings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "params"
        raise InputError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
