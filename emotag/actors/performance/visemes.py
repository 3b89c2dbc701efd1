"""Visemes: articulatory features as targets of jaw and lips, with how strongly each sound insists on them."""

from dataclasses import dataclass

import numpy as np

from emotag.actors.performance.phones import Articulation

CONTROLS = (
    "jaw", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile", "mouthUpperUp", "mouthLowerDown",
    "mouthRollLower", "hold",
)  # fmt: skip
"""What speech moves: the jaw angle in radians, expressions (both sides alike), and how far a sound holds the jaw
against an emotion that drops it (an s needs its teeth together in surprise, too)."""


@dataclass(frozen=True)
class Viseme:
    """Targets of a sound for CONTROLS, and what else it does with the lips."""

    target: np.ndarray  # (C,) radians for the jaw, else [0, 1]
    dominance: np.ndarray  # (C,) in (0, 1]: how far the sound insists on each target against its neighbours
    seal: float = 0.0  # 1: the lips meet (p b m); less: they come near
    bite: float = 0.0  # 1: the lower lip meets the upper teeth (f v)


def _viseme(dominance: float, seal: float = 0.0, bite: float = 0.0, **targets: float | tuple[float, float]) -> Viseme:
    """Targets by name, each alone or with its own dominance; the ones not named are 0 with `dominance`."""
    target, strength = np.zeros(len(CONTROLS)), np.full(len(CONTROLS), dominance)
    for name, value in targets.items():
        index = CONTROLS.index(name)
        target[index], strength[index] = value if isinstance(value, tuple) else (value, dominance)
    return Viseme(target, strength, seal, bite)


_JAW_CLOSE, _JAW_OPEN = 0.030, 0.185  # radians: /i/ and /a/ in clear speech, lips about 3 and 16 mm apart
_NARROW_VOWEL = 0.35  # u, y: the lips come near, whatever the jaw does
_ROUNDED_JAW = 0.70  # rounded vowels open the jaw less than unrounded ones of their height
_VOWEL, _REDUCED = 0.75, 0.4
_HOLD_CLOSE = 0.5  # of close vowels
_STRESSED, _UNSTRESSED = 1.12, 0.80
_REDUCED_VOWELS = (0.40, 0.50)  # openness of schwa: it takes the shape of its neighbours


def vowel_viseme(sound: Articulation, stress: int) -> Viseme:
    """Jaw by height, spread lips for front unrounded vowels, pucker and funnel for rounded ones."""
    height, front = sound.openness, 1 - sound.backness
    spread = (1 - sound.rounding) * front * (1 - 0.75 * height)
    jaw = (_JAW_CLOSE + (_JAW_OPEN - _JAW_CLOSE) * height) * (1 - (1 - _ROUNDED_JAW) * sound.rounding)
    scale = _STRESSED if stress == 2 else 1.0 if stress == 1 else _UNSTRESSED
    schwa = _REDUCED_VOWELS[0] <= height <= _REDUCED_VOWELS[1] and stress == 0
    rounded = sound.rounding
    return _viseme(
        _REDUCED if schwa else _VOWEL * min(scale, 1.0),
        seal=_NARROW_VOWEL * rounded * max(1 - 2 * height, 0.0),
        jaw=jaw * scale,
        mouthPucker=(rounded * (0.36 + 0.46 * (1 - height)) * (0.8 + 0.2 * sound.backness), 0.4 + 0.6 * rounded),
        mouthFunnel=(rounded * (0.12 + 0.26 * height), 0.4 + 0.6 * rounded),
        mouthStretch=0.30 * spread,
        hold=_HOLD_CLOSE * (1 - min(2 * height, 1.0)),
        mouthSmile=0.16 * spread,
        mouthUpperUp=(0.06 + 0.10 * front * (1 - rounded)) * (1 - 0.5 * rounded),
        mouthLowerDown=(0.16 + 0.14 * height) * (1 - 0.7 * rounded),
    )


_PLACES = {
    "bilabial": _viseme(0.12, jaw=(0.035, 0.55), mouthUpperUp=(0.0, 0.9), mouthLowerDown=(0.0, 0.9)),
    "labiodental": _viseme(
        0.3, jaw=(0.038, 0.9), mouthRollLower=(0.40, 1.0), mouthUpperUp=(0.24, 0.9), mouthLowerDown=(0.0, 0.9)
    ),
    "labial-velar": _viseme(0.9, jaw=0.030, mouthPucker=0.80, mouthFunnel=0.10),
    "labial-palatal": _viseme(0.9, jaw=0.030, mouthPucker=0.75, mouthFunnel=0.10),
    "dental": _viseme(0.35, jaw=(0.055, 0.7), mouthUpperUp=0.12, mouthLowerDown=(0.26, 0.5)),
    "alveolar": _viseme(0.22, jaw=(0.045, 0.6), mouthUpperUp=0.10, mouthLowerDown=0.22),
    "sibilant": _viseme(
        0.45, jaw=(0.018, 1.0), mouthStretch=0.16, mouthSmile=0.06, mouthUpperUp=0.20, mouthLowerDown=0.38
    ),
    "postalveolar": _viseme(0.3, jaw=(0.030, 0.9), mouthUpperUp=0.10, mouthLowerDown=0.25),
    "retroflex": _viseme(0.25, jaw=(0.045, 0.6), mouthPucker=0.10, mouthUpperUp=0.08, mouthLowerDown=0.2),
    "palatal": _viseme(0.4, jaw=0.032, mouthStretch=0.22, mouthSmile=0.12, mouthUpperUp=0.12, mouthLowerDown=0.22),
    "velar": _viseme(0.10, jaw=(0.065, 0.3), mouthUpperUp=0.06, mouthLowerDown=0.16),
    "uvular": _viseme(0.10, jaw=(0.075, 0.3), mouthUpperUp=0.06, mouthLowerDown=0.16),
    "pharyngeal": _viseme(0.08, jaw=(0.11, 0.3), mouthLowerDown=0.18),
    "glottal": _viseme(0.04, jaw=0.06, mouthLowerDown=0.16),
}  # fmt: skip

_HOLD = {
    "bilabial": 0.8, "labiodental": 0.9, "labial-velar": 0.7, "labial-palatal": 0.7, "dental": 0.5, "alveolar": 0.6,
    "sibilant": 0.95, "postalveolar": 0.9, "retroflex": 0.6, "palatal": 0.6, "velar": 0.3, "uvular": 0.2,
}  # fmt: skip
_SEAL = {"stop": 1.0, "nasal": 1.0, "trill": 0.9, "fricative": 0.7}
_BITE = {"fricative": 1.0, "nasal": 1.0, "tap": 0.9, "approximant": 0.7}
_NARROW = 0.5  # w: rounded lips leave a small opening whatever the jaw does
_LEAST_HOLD = 0.2
_PAUSE = _viseme(0.85)


def consonant_viseme(sound: Articulation) -> Viseme:
    """Lips and jaw by place; labialised consonants bring rounded lips along."""
    place = _PLACES[sound.place]
    target, dominance = place.target.copy(), place.dominance.copy()
    hold = CONTROLS.index("hold")
    target[hold] = _HOLD.get(sound.place, 0.0)
    dominance[hold] = max(target[hold], _LEAST_HOLD)
    if sound.rounding and not sound.place.startswith("labial-"):
        for name, full in (("mouthPucker", 0.55), ("mouthFunnel", 0.50)):
            index = CONTROLS.index(name)
            target[index], dominance[index] = full * sound.rounding, 0.3 + 0.6 * sound.rounding
    seal = _SEAL[sound.manner] if sound.place == "bilabial" else 0.0
    if sound.place.startswith("labial-"):
        seal = _NARROW
    bite = _BITE[sound.manner] if sound.place == "labiodental" else 0.0
    return Viseme(target, dominance, seal, bite)


def viseme(sound: Articulation, stress: int = 0) -> Viseme:
    """Give the viseme of one articulatory target; `stress` 0, 1, 2 is that of its syllable."""
    if sound.kind == "pause":
        return _PAUSE
    return vowel_viseme(sound, stress) if sound.kind == "vowel" else consonant_viseme(sound)
