"""The emotion teacher by rules: EMFACS prototypes over action units, softened.

Evidence for an emotion is a weighted sum of how present its prototype's units are, less units that speak against it.
Prototypes (EMFACS): happy 6+12; sad 1+4+15; surprise 1+2+5+26; fear 1+2+4+5+7+20+26; angry 4+5+7+23; disgust 9+15+16.

Where the rules depart from the bare prototypes, and why:

* AU25 and AU26 are speech. AU26 counts for surprise and fear only as far as brows or upper lids are raised too.
* AU16 is not among OpenFace's 17; EMFACS also knows disgust by 10 and 17, which are taken in its place.
* AU7 comes with smiling, squinting and blinking: it supports anger, half as much as AU4, and is left out of fear.
* AU2 separates sadness (inner brows alone) from surprise; AU5 fear from sadness; AU4 fear from surprise; AU12 against
  everything but happy; AU4 and AU9 against happy (a grimace bares the teeth as a laugh does).

Weights are round numbers set by that reasoning and revised once by hand after looking at one actor's clips (w009 of
MEAD); no fit was run. docs/action-units.md has the figures, and those of actors that nothing was set for.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.protocol import ACTION_UNITS
from emotag.perception.emotion.protocol import EMOTIONS, Array, EmotionSettings, Sources
from emotag.perception.smoothing import gaussian_smooth
from emotag.tables import FPS

SUPPORT = MappingProxyType(
    {
        "angry": {"04": 1.0, "07": 0.5, "23": 0.4, "05": 0.2},
        "disgust": {"09": 0.9, "10": 0.7, "15": 0.3, "17": 0.2, "04": 0.2},
        "fear": {"01": 0.4, "02": 0.2, "04": 0.4, "05": 0.5, "20": 0.5},
        "happy": {"12": 1.2, "06": 0.6},
        "sad": {"01": 0.6, "04": 0.5, "15": 0.8, "17": 0.1},
        "surprise": {"01": 0.3, "02": 0.6, "05": 0.7},
    }
)

AGAINST = MappingProxyType(
    {
        "angry": {"01": 0.3, "02": 0.4, "12": 0.4},
        "disgust": {"12": 0.4, "02": 0.3},
        "fear": {"12": 0.3, "15": 0.3},
        "happy": {"04": 0.5, "09": 0.3, "15": 0.3},
        "sad": {"02": 0.3, "05": 0.4, "12": 0.4},
        "surprise": {"04": 0.6, "07": 0.2, "12": 0.3},
    }
)

JAW_DROP = 0.4
"""Weight of AU26 in surprise and fear, times the presence of AU02 or AU05 (the stronger)."""

_STARTLED = ("fear", "surprise")


def weight_matrix() -> Array:  # (7, 17)
    """Give SUPPORT less AGAINST in the order of EMOTIONS and ACTION_UNITS; neutral's row is 0."""
    matrix = np.zeros((len(EMOTIONS), len(ACTION_UNITS)))
    for sign, table in ((1.0, SUPPORT), (-1.0, AGAINST)):
        for emotion, units in table.items():
            for unit, weight in units.items():
                matrix[EMOTIONS.index(emotion), ACTION_UNITS.index(unit)] += sign * weight
    return matrix


class Emfacs:
    """Rules over action units; needs no weights file."""

    name = "emfacs"
    version = "1"
    weights = ""
    looks = False

    def __init__(self, settings: EmotionSettings | None = None) -> None:
        self.settings = settings or EmotionSettings()

    def read(self, sources: Sources) -> Array:  # (T, 7)
        """See EmotionEngine.read."""
        return self.probabilities(sources.action_units())

    def probabilities(
        self,
        action_units: NDArray[np.floating],  # (T, 17) intensities 0-5; NaN where a frame is not valid
    ) -> Array:  # (T, 7)
        """Give p_emo of every frame. Raises ValueError on another shape."""
        if action_units.ndim != 2 or action_units.shape[1] != len(ACTION_UNITS):
            raise ValueError(f"action_units must be (T, {len(ACTION_UNITS)}), got {action_units.shape}")
        valid = np.isfinite(action_units).all(axis=1)
        result = np.full((len(action_units), len(EMOTIONS)), np.nan)
        if valid.any():
            result[valid] = self._softmax(self.evidence(self._smooth(action_units, valid)))[valid]
        return result

    def evidence(
        self,
        action_units: Array,  # (T, 17) finite
    ) -> Array:  # (T, 7)
        """Give each emotion's evidence; neutral's is constant."""
        square = np.square(np.maximum(action_units, 0.0))
        presence = square / (square + self.settings.half_intensity**2)
        evidence = presence @ weight_matrix().T
        raised = np.maximum(presence[:, ACTION_UNITS.index("02")], presence[:, ACTION_UNITS.index("05")])
        startle = JAW_DROP * presence[:, ACTION_UNITS.index("26")] * raised
        for emotion in _STARTLED:
            evidence[:, EMOTIONS.index(emotion)] += startle
        evidence[:, EMOTIONS.index("neutral")] = self.settings.neutral_evidence
        return np.asarray(evidence)

    def _softmax(self, evidence: Array) -> Array:
        logits = evidence / self.settings.temperature
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def _smooth(self, action_units: NDArray[np.floating], valid: NDArray[np.bool_]) -> Array:
        """Fill gaps from the neighbours and smooth over time."""
        frames, rows = np.arange(len(action_units)), np.flatnonzero(valid)
        filled = np.stack([np.interp(frames, rows, unit) for unit in action_units[rows].T.astype(float)], axis=1)
        sigma = self.settings.smoothing_s * FPS
        return gaussian_smooth(filled, sigma) if sigma > 0 else filled
