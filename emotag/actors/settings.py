"""Settings of the synthetic actors, their takes, and how they are filmed."""

from typing import Literal, Self

from pydantic import Field, model_validator

from emotag.settings import Settings

Emotion = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


class ActorSettings(Settings):
    """A person who does not exist."""

    seed: int = Field(ge=0)
    """Face, skin, hair, voice and manner are drawn from it."""

    sex: Literal["female", "male"]
    """Of voice, hair and proportions."""


class LineSettings(Settings):
    """One line of a take."""

    text: str = Field(min_length=1)
    """What is said."""

    emotion: Emotion = "neutral"
    """How it is felt, in voice and face."""

    level: int = Field(default=0, ge=0, le=3)
    """Intensity 1, 2 or 3 (as in MEAD); 0 for neutral."""

    language: str = "en-us"
    """Any language of espeak-ng."""

    @model_validator(mode="after")
    def _level_of_emotion(self) -> Self:
        if (self.emotion == "neutral") != (self.level == 0):
            raise ValueError(f"emotion {self.emotion} with level {self.level}: neutral has level 0, the others 1 to 3")
        return self


class TakeSettings(Settings):
    """What an actor says in one clip."""

    actor: str
    """Who is seen."""

    voice: str
    """Whose voice is heard: usually the same actor."""

    seed: int = Field(default=0, ge=0)
    """Of everything that differs between two takes of the same lines: gaze, blinks, sway."""

    lines: list[LineSettings] = Field(min_length=1)
    """What is said, in order."""


class FilmSettings(Settings):
    """How takes are filmed."""

    picture_size: int = Field(default=512, ge=128, le=2048, multiple_of=2)
    """Side of the square picture in pixels."""

    focal_length: float = Field(default=2.8, gt=0.5, lt=10)
    """Over the picture's side, with the actor 1 m from the camera: 2.8 shows 36 cm, a head and the shoulders."""

    lead_s: float = Field(default=0.2, ge=0, le=2)
    """Silence before each line, seconds."""

    pause_s: float = Field(default=0.32, ge=0, le=2)
    """Silence after each line, seconds."""

    maps: bool = True
    """Write mattes, depth and normals beside the table of the truth."""

    maps_size: int = Field(default=256, ge=64, le=2048, multiple_of=2)
    """Side of depth and normals in pixels; mattes have the picture's."""

    crf: int = Field(default=14, ge=0, le=40)
    """Quality of the video (x264)."""
