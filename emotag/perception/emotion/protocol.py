"""What an emotion teacher takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.protocol import FaceClip
from emotag.perception.emotion.deepface_settings import DeepFaceSettings
from emotag.settings import Settings
from emotag.vocabulary import EMOTIONS

COLUMNS = tuple(f"p_{name}" for name in EMOTIONS)

Array = NDArray[np.float64]


class EmotionSettings(Settings):
    """How a distribution over emotions is read off a clip."""

    engine: Literal["emfacs", "deepface"] = "emfacs"
    """"emfacs": soft rules over action units after Ekman and Friesen's EMFACS prototypes; "deepface": the paper's."""
    smoothing_s: float = 0.16
    """Standard deviation of the Gaussian over time, seconds; a felt expression lasts longer than a speech frame."""
    half_intensity: float = 1.0
    """The intensity at which an action unit counts half (FACS A is 1); weaker ones count by the square."""
    neutral_evidence: float = 0.65
    """Evidence that neutral always has: an emotion must show more than this to be likelier."""
    temperature: float = 0.15
    """Of the softmax over evidence."""
    deepface: DeepFaceSettings = DeepFaceSettings()
    """Of the engine "deepface"; the fields above are of "emfacs"."""


@dataclass(frozen=True)
class Sources:
    """What an engine may ask for; what it does not ask for is not read."""

    action_units: Callable[[], NDArray[np.floating]]  # (T, 17) intensities 0-5; NaN where a frame is not valid
    faces: Callable[[], FaceClip]


class EmotionEngine(Protocol):
    """Gives a distribution over EMOTIONS per frame."""

    name: str
    version: str
    weights: str  # digest of the weights; "" where there are none
    looks: bool  # at pictures; else at action units

    def read(self, sources: Sources) -> Array:  # (T, 7) rows sum to 1; NaN where not valid
        """Give p_emo of every frame; e = 1 − p(neutral) (EmoTaG Eq. 9). Raises InputError on unusable sources."""
        ...


def emotional_intensity(
    probabilities: Array,  # (T, 7)
) -> Array:  # (T,)
    """Give e = 1 − p_emo(neutral) (EmoTaG Eq. 9)."""
    return np.asarray(1.0 - probabilities[:, EMOTIONS.index("neutral")])
