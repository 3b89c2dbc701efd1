"""What emotion does to a voice.

Directions and sizes follow the vocal-emotion literature, told as changes against the speaker's neutral voice:

* Banse & Scherer 1996, "Acoustic profiles in vocal emotion expression", J. Pers. Soc. Psychol. 70(3): means and
  variability of F0, energy and spectral balance of acted hot anger, panic fear, elation, sadness, disgust;
* Juslin & Laukka 2003, "Communication of emotions in vocal expression and music performance", Psychol. Bull. 129(5):
  directions over 104 studies: rate, level, level of high frequencies, F0 level, variability and contour, jitter;
* Scherer 2003, "Vocal communication of emotion", Speech Communication 40: the synopsis table, hot anger loudest;
* Murray & Arnott 1993, "Toward the simulation of emotion in synthetic speech", J. Acoust. Soc. Am. 93(2): what a
  synthesizer needs: anger breathy and chesty with abrupt changes on stressed syllables; happiness much higher with
  smooth upward inflections; sadness slower, narrower, downward; fear very high and very fast with irregular voicing;
  disgust very much slower, very much lower, with wide downward terminal inflections.

Surprise is rarer in these studies: very high, wide, with a steep rise to the end (Scherer & Oshinsky 1977).
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from emotag.actors.types import Phone
from emotag.actors.voice.phones import VOWELS, is_voiced
from emotag.actors.voice.pitch import STEP_S
from emotag.errors import InputError
from emotag.vocabulary import EMOTIONS

LEVEL_WEIGHT = (0.0, 0.4, 0.7, 1.0)
"""Share of the full change at level 0 (neutral), 1, 2, 3."""

PHRASE_PAUSE_S = 0.1
"""A pause as long as this ends a phrase of the melody."""

_ENDING_S = 0.55  # the final inflection takes so much of a phrase
_ACCENT_S = 0.06  # half width of an accent beyond its vowel


@dataclass(frozen=True)
class Delivery:
    """How something is said; 0 throughout is the speaker's neutral voice."""

    pitch: float = 0.0
    """Mean F0, semitones."""
    melody: float = 0.0
    """Log2 of the factor on the distance of F0 from its mean."""
    rate: float = 0.0
    """Log2 of the factor on the speaking rate."""
    pause: float = 0.0
    """Log2 of the factor on pauses."""
    gain: float = 0.0
    """Level, dB."""
    tilt: float = 0.0
    """Vocal effort: spectral tilt above 500 Hz, dB per octave."""
    breath: float = 0.0
    """Noise of air, 0 to 1."""
    slope: float = 0.0
    """F0 from the beginning to the end of a phrase, semitones."""
    ending: float = 0.0
    """F0 at the very end of a phrase, semitones."""
    accent: float = 0.0
    """F0 of primary stress, semitones."""
    punch: float = 0.0
    """Level of primary stress, dB."""
    jitter: float = 0.0
    """Standard deviation of a period, per cent."""
    shimmer: float = 0.0
    """Standard deviation of a pulse's amplitude, per cent."""
    tremor: float = 0.0
    """Amplitude of a quiver of F0 at 6.5 Hz, semitones."""
    creak: float = 0.0
    """Subharmonic towards the end of a phrase, 0 to 1."""


EXTREMES: dict[str, Delivery] = {
    "angry": Delivery(
        pitch=4.0, melody=0.3, rate=0.22, pause=-0.5, gain=9.0, tilt=2.2, slope=-1.0, ending=-3.0, accent=2.0,
        punch=3.5, jitter=0.6, shimmer=5.0,
    ),
    "disgust": Delivery(
        pitch=-2.5, melody=-0.3, rate=-0.38, pause=0.3, gain=-1.5, tilt=-0.5, slope=-2.5, ending=-3.0, accent=1.0,
        jitter=0.8, shimmer=5.0, creak=0.5,
    ),
    "fear": Delivery(
        pitch=6.5, melody=-0.4, rate=0.35, pause=0.2, gain=0.5, tilt=0.5, breath=0.45, slope=0.5, ending=1.5,
        jitter=2.2, shimmer=8.0, tremor=0.7,
    ),
    "happy": Delivery(
        pitch=4.5, melody=0.55, rate=0.12, pause=-0.3, gain=4.5, tilt=1.2, slope=1.0, ending=2.0, accent=3.0,
        punch=1.0,
    ),
    "sad": Delivery(
        pitch=-2.5, melody=-1.3, rate=-0.35, pause=0.5, gain=-8.0, tilt=-4.0, breath=0.5, slope=-1.5, ending=-1.5,
        jitter=0.6, tremor=0.15,
    ),
    "surprise": Delivery(
        pitch=5.5, melody=0.1, rate=-0.05, pause=0.1, gain=3.0, tilt=0.4, breath=0.15, slope=4.0, ending=11.0,
        accent=2.0,
    ),
    "neutral": Delivery(),
}  # fmt: skip
"""The full change at level 3."""


def check_emotion(emotion: str, level: int) -> None:
    """Refuse what nobody can express.

    Raises:
        InputError: the emotion is unknown, or the level does not go with it (0 for neutral, else 1, 2, 3).

    """
    if emotion not in EXTREMES:
        raise InputError(f"unknown emotion {emotion!r}: choose one of {', '.join(EMOTIONS)}")
    if emotion == "neutral" and level != 0:
        raise InputError(f"neutral has only level 0, not {level}")
    if emotion != "neutral" and level not in (1, 2, 3):
        raise InputError(f"level of {emotion} is {level}: choose 1, 2 or 3")


def plan_delivery(emotion: str, level: int, expressiveness: float = 1.0) -> Delivery:
    """Give the change of a voice at a level of an emotion.

    Raises:
        InputError: see check_emotion.

    """
    check_emotion(emotion, level)
    weight = LEVEL_WEIGHT[level] * expressiveness
    full = EXTREMES[emotion]
    return Delivery(**{field.name: weight * getattr(full, field.name) for field in fields(full)})


def _columns(phones: tuple[Phone, ...]) -> NDArray[np.float64]:
    return np.arange(0, phones[-1].end_s + STEP_S, STEP_S)


def melody(phones: tuple[Phone, ...], delivery: Delivery) -> NDArray[np.float64]:  # (T,) semitones at k · STEP_S
    """Give what is added to F0: mean, declination and final inflection of every phrase, and accents."""
    times = _columns(phones)
    result = np.full(len(times), delivery.pitch)
    for start, end in find_phrases(phones):
        inside = (times >= start - STEP_S) & (times <= end + STEP_S)
        result[inside] += delivery.slope * (np.clip((times[inside] - start) / (end - start), 0, 1) - 0.5)
    return result + delivery.ending * endings(phones) ** 1.5 + delivery.accent * accents(phones)


def endings(phones: tuple[Phone, ...]) -> NDArray[np.float64]:  # (T,) in [0, 1] at k · STEP_S
    """Give a ramp that reaches 1 where a phrase ends."""
    times = _columns(phones)
    result = np.zeros(len(times))
    for start, end in find_phrases(phones):
        length = min(_ENDING_S, 0.6 * (end - start))
        ramp = np.clip(1 - (end - times) / length, 0, 1)
        result += np.where((times >= start) & (times <= end + STEP_S), ramp, 0)
    return result


def accents(phones: tuple[Phone, ...]) -> NDArray[np.float64]:  # (T,) in [0, 1] at k · STEP_S
    """Give a smooth bump on every vowel with primary stress."""
    times = _columns(phones)
    bumps = np.zeros(len(times))
    for phone in phones:
        if phone.stress == 2 and phone.ipa[:1] in VOWELS:
            centre, half = (phone.start_s + phone.end_s) / 2, (phone.end_s - phone.start_s) / 2 + _ACCENT_S
            bumps = np.maximum(bumps, 0.5 + 0.5 * np.cos(np.pi * np.clip((times - centre) / half, -1, 1)))
    return bumps


def find_phrases(phones: tuple[Phone, ...]) -> list[tuple[float, float]]:
    """Give start and end (s) of the stretches of speech between pauses; the end is that of the last voiced phone."""
    phrases: list[tuple[float, float]] = []
    inside = False
    for phone in phones:
        if not phone.ipa:
            inside = inside and phone.end_s - phone.start_s < PHRASE_PAUSE_S
        elif is_voiced(phone.ipa):
            start = phrases[-1][0] if inside else phone.start_s
            phrases[-1:] = [*phrases[-1:][: not inside], (start, phone.end_s)]
            inside = True
    return phrases
