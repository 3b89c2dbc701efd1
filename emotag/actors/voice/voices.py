"""Who speaks: the lasting traits of a voice."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from emotag.actors.voice.espeak import check_variant
from emotag.errors import InputError

Sex = Literal["female", "male"]

VARIANTS: dict[str, tuple[str, ...]] = {
    "female": ("f1", "Annie", "belinda", "steph", "Andrea"),
    "male": ("m1", "m3", "m4", "m6", "m7", "Denis"),
}
"""espeak-ng's variants that sound human and have no echo (an echo would fill the closures of stops)."""

PITCH_HZ = {"female": (165.0, 235.0), "male": (88.0, 140.0)}
"""F0 of speech of adults: Titze 1989, "Physiologic and acoustic differences between male and female voices"."""

TRACT = {"female": (0.97, 1.06), "male": (0.95, 1.05)}
RATE_WPM = (150.0, 190.0)


@dataclass(frozen=True)
class Voice:
    """A speaker. Emotion changes a voice relative to these values."""

    variant: str
    """espeak-ng's voice variant: formants and sound source (`espeak.variants`)."""
    pitch_hz: float
    """Usual F0 of neutral speech, about its mean."""
    pitch_range: float = 1.0
    """Liveliness of the melody: 0 monotone, 1 a standard deviation of F0 of 2.6 semitones."""
    rate_wpm: float = 170.0
    """Words per minute of neutral speech."""
    tract: float = 1.0
    """All formants are multiplied by this: above 1 a shorter vocal tract, below 1 a longer one."""
    breathiness: float = 0.0
    """0 to 1: noise of air in the voice at rest."""
    tilt_db: float = 0.0
    """Spectral tilt at rest, dB per octave above 500 Hz against the variant's own; negative is softer."""
    level_db: float = -30.0
    """Level of neutral speech, dB RMS re full scale, pauses left out; room is kept above it for anger."""
    expressiveness: float = 1.0
    """How much emotion this person lets be heard: factor on every change."""

    def __post_init__(self) -> None:
        check_variant(self.variant)
        limits = {
            "pitch_hz": (60, 320), "pitch_range": (0, 2), "rate_wpm": (100, 300), "tract": (0.85, 1.2),
            "breathiness": (0, 1), "tilt_db": (-6, 6), "level_db": (-45, -24), "expressiveness": (0, 1.5),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"voice {self.variant}: {name} is {value}, allowed are {low} to {high}")


VOICES: dict[str, Voice] = {
    "alto": Voice("f1", 172, 0.9, 160, 0.98, 0.05, -0.4, expressiveness=1.0),
    "bright": Voice("Annie", 226, 1.0, 178, 1.03, 0.0, 0.6, expressiveness=1.1),
    "clear": Voice("belinda", 204, 1.1, 168, 1.0, 0.0, 0.0, expressiveness=0.95),
    "soft": Voice("steph", 188, 0.85, 155, 1.02, 0.15, -0.8, level_db=-31.5, expressiveness=0.9),
    "baritone": Voice("m3", 106, 1.0, 165, 0.98, 0.0, 0.0, expressiveness=1.0),
    "bass": Voice("m7", 90, 0.9, 152, 0.95, 0.05, -0.5, expressiveness=0.95),
    "tenor": Voice("m6", 132, 1.15, 176, 1.04, 0.0, 0.5, expressiveness=1.1),
    "husky": Voice("m1", 112, 0.85, 160, 1.0, 0.2, -0.6, level_db=-31.0, expressiveness=0.9),
}
"""Eight people, four of each sex."""


def find_voice(name: str) -> Voice:
    """Give a voice of VOICES.

    Raises:
        InputError: there is none of this name.

    """
    if name not in VOICES:
        raise InputError(f"unknown voice {name!r}: choose one of {', '.join(VOICES)}")
    return VOICES[name]


def draw_voice(rng: np.random.Generator | int, sex: Sex) -> Voice:
    """Draw a new speaker; a seed or a generator in the same state gives the same one.

    Raises:
        InputError: the sex is neither "female" nor "male".

    """
    if sex not in VARIANTS:
        raise InputError(f"unknown sex {sex!r} of a voice: choose female or male")
    rng = np.random.default_rng(rng)
    variant = VARIANTS[sex][rng.integers(len(VARIANTS[sex]))]
    low, high = PITCH_HZ[sex]
    voice = Voice(variant, round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 1))
    return replace(
        voice,
        pitch_range=round(float(rng.uniform(0.8, 1.25)), 3),
        rate_wpm=round(float(rng.uniform(*RATE_WPM)), 1),
        tract=round(float(rng.uniform(*TRACT[sex])), 2),
        breathiness=round(float(rng.uniform(0, 0.2)), 3),
        tilt_db=round(float(rng.uniform(-0.8, 0.8)), 3),
        level_db=round(float(rng.uniform(-32, -29)), 2),
        expressiveness=round(float(rng.uniform(0.85, 1.15)), 3),
    )
