"""An actor: face, looks, voice and manner of a person who does not exist, all drawn from one seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from emotag.actors.look.draw import draw_look
from emotag.actors.look.look import Look
from emotag.actors.performance.manner import Manner, draw_manner
from emotag.actors.voice.voices import Voice, draw_voice
from emotag.head.open_head.identity import IDENTITY_MODES

Sex = Literal["female", "male"]

DIMORPHISM = {
    "brow_ridge": 0.7,
    "chin_length": 0.3,
    "chin_width": 0.4,
    "eye_size": -0.4,
    "face_length": 0.4,
    "jaw_width": 0.5,
    "lower_lip_fullness": -0.3,
    "neck_width": 0.8,
    "nose_length": 0.3,
    "nose_width": 0.4,
    "upper_lip_fullness": -0.4,
}
"""By how many standard deviations of all adults the mean of men lies above the mean of all; women's lies as far below.
Rounded from the differences of means in L. Farkas, *Anthropometry of the Head and Face*, 2nd ed., 1994."""

_SPREAD = 0.85
"""Standard deviations about the mean of a sex are a little smaller than those of all adults."""
_LIMIT = 1.8
"""Nobody is further than this from the mean of all, so that faces stay ordinary."""


@dataclass(frozen=True)
class Actor:
    """A person who does not exist."""

    sex: Sex
    shape: np.ndarray  # (S,) coefficients of the open head
    look: Look
    voice: Voice
    manner: Manner


def draw_actor(seed: int, sex: Sex) -> Actor:
    """Draw an actor. Each trait has a random stream of its own, so that a new trait leaves the others as they are."""
    face, look, voice, manner = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4))
    sign = 1.0 if sex == "male" else -1.0
    mean = np.array([sign * DIMORPHISM.get(name, 0.0) for name in IDENTITY_MODES])
    shape = (mean + _SPREAD * face.standard_normal(len(mean))).clip(-_LIMIT, _LIMIT)
    return Actor(
        sex,
        shape.astype(np.float32),
        draw_look(int(look.integers(2**31)), sex),
        draw_voice(voice, sex),
        draw_manner(manner),
    )
