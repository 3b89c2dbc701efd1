"""A person in training: their splats and the clips that show them."""

from dataclasses import dataclass, field

from torch import Tensor

from emotag.avatar import FaceMotion, Person
from emotag.head.face_part import FacePart
from emotag.head.ibug68 import EYES, MOUTH
from emotag.head.model import HeadModel
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats
from emotag.training.clip import ClipFeatures, FrameSource, Window
from emotag.training.initial import initial_splats


@dataclass(frozen=True)
class Geometry:
    """Pseudo ground truth inside the head's window (EmoTaG Eq. 14)."""

    depth: Tensor  # (T, h, w, 1) relative: any scale and shift
    normal: Tensor  # (T, h, w, 3) unit, world axes
    mask: Tensor  # (T, h, w, 1) bool


@dataclass
class Shot:
    """One clip of a person."""

    features: ClipFeatures
    frames: FrameSource
    geometry: Geometry | None = None


@dataclass
class Scene:
    """A person, their splats, their clips, and how many of their frames were rendered so far."""

    person: Person
    splats: Splats
    shots: list[Shot]
    lips: FacePart
    lids: FacePart
    frames_seen: int = field(default=0)

    @property
    def window(self) -> Window:
        """The window of the first clip."""
        return self.shots[0].frames.window


def tracked_motion(features: ClipFeatures, index: Tensor) -> FaceMotion:
    """Give the face as the tracker saw it."""
    return FaceMotion(features.expression[index], features.jaw[index])


def make_scene(head: HeadModel, person: Person, shots: list[Shot], settings: SplatSettings) -> Scene:
    """Place a person's splats where some frame can show them, and colour them from the video."""
    splats = initial_splats(head, person, shots[0].features, shots[0].frames, settings)
    return Scene(person, splats, shots, FacePart.of(head, person.shape, MOUTH), FacePart.of(head, person.shape, EYES))
