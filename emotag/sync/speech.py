"""What a clip says of sound and mouth, frame by frame."""

from dataclasses import dataclass

import numpy as np

from emotag.head.face_part import FacePart
from emotag.training.clip import ClipFeatures

UPPER_LIP, LOWER_LIP = 14, 18
"""The middle of the inner lips, among the 20 landmarks of the mouth (62 and 66 of the 68)."""


@dataclass(frozen=True)
class Speech:
    """One clip."""

    clip: str
    audio: np.ndarray  # (T, Da) float64, each feature standardised over the clip
    opening: np.ndarray  # (T,) metres between the inner lips
    valid: np.ndarray  # (T,) bool: the mouth was tracked

    @staticmethod
    def of(features: ClipFeatures, lips: FacePart) -> "Speech":
        """Take it from a clip's features; `lips` are the person's."""
        points = lips.points(features.expression, features.jaw)
        opening = (points[:, UPPER_LIP, 1] - points[:, LOWER_LIP, 1]).double().cpu().numpy()
        return Speech(features.name, standardised(features.audio.double().cpu().numpy()), opening, _valid(features))


def _valid(features: ClipFeatures) -> np.ndarray:
    valid: np.ndarray = features.valid.cpu().numpy()
    return valid


def standardised(
    audio: np.ndarray,  # (T, Da)
) -> np.ndarray:  # (T, Da)
    """Take a clip's own mean and deviation out of each feature: its voice and its microphone."""
    spread = audio.std(0)
    scaled: np.ndarray = (audio - audio.mean(0)) / np.where(spread > 1e-6 * max(1.0, spread.max()), spread, 1.0)
    return scaled
