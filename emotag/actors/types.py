"""What an actor says and does: the interfaces between voice, performance and rendering."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Phone:
    """One speech sound in time."""

    ipa: str  # IPA as espeak-ng names it, without stress marks; "" is a pause
    start_s: float
    end_s: float
    stress: int  # 0 none, 1 secondary, 2 primary (of the syllable that it carries)


@dataclass(frozen=True)
class Utterance:
    """Speech with its phones."""

    samples: np.ndarray  # (N,) float32 mono in [−1, 1]
    rate: int  # Hz
    phones: tuple[Phone, ...]  # in order, without gaps, from 0 to the end of the sound
    emotion: str  # emotag.vocabulary.EMOTIONS
    level: int  # 1, 2, 3 as in MEAD; 0 for neutral

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Performance:
    """Every parameter of a head for T frames at 25 fps: the truth of a clip."""

    names: tuple[str, ...]  # (E,) expression names, ARKit's with _L and _R (the head model's, in its order)
    expression: np.ndarray  # (T, E) in [0, 1]
    jaw_pose: np.ndarray  # (T, 3) axis-angle, radians; +x opens
    neck_pose: np.ndarray  # (T, 3) radians: the head on the neck
    eyes_pose: np.ndarray  # (T, 6) radians: left, right
    rotation: np.ndarray  # (T, 3) radians, of the trunk
    translation: np.ndarray  # (T, 3) metres
    action_units: np.ndarray  # (T, 17) FACS intensity 0–5 in the order of emotag.vocabulary.ACTION_UNITS
    p_emo: np.ndarray  # (T, 7) in the order of emotag.vocabulary.EMOTIONS, rows sum to 1
    e: np.ndarray  # (T,) intensity in [0, 1]
