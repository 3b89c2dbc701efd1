"""How one actor moves: drawn once per actor, so that actors differ as people do."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Manner:
    """Habits of an actor. Every field is a scale with 1 as the average person, unless told."""

    articulation: float = 1.0  # how far jaw and lips move in speech
    jaw: float = 1.0  # the jaw's share of it
    rounding: float = 1.0  # how much lips are pursed
    mobility: float = 1.0  # sway of the head
    nods: float = 1.0  # nods and brow raises on stressed syllables
    blinks_per_minute: float = 17.0
    upper_expressivity: float = 1.0  # emotion on brows, lids, nose
    lower_expressivity: float = 1.0  # emotion on the mouth
    asymmetry: float = 0.0  # [−0.3, 0.3]: + the left side moves more, − the right
    smile_habit: float = 0.03  # a resting smile, [0, 0.2]
    brow_habit: float = 0.05  # resting inner and outer brow raise, [0, 0.2]
    head_tilt: float = 0.0  # radians of roll at rest
    gaze_aversion: float = 1.0  # how often the eyes leave the camera
    upper_lip: float = 1.0  # how much the upper lip shows the teeth


def draw_manner(rng: np.random.Generator) -> Manner:
    """Draw an actor's habits."""

    def scale(spread: float) -> float:
        return float(np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread)))

    return Manner(
        articulation=scale(0.10),
        jaw=scale(0.10),
        rounding=scale(0.10),
        mobility=scale(0.25),
        nods=scale(0.30),
        blinks_per_minute=float(rng.uniform(13, 22)),
        upper_expressivity=scale(0.10),
        lower_expressivity=scale(0.10),
        asymmetry=float(np.clip(rng.normal(0, 0.08), -0.16, 0.16)),
        smile_habit=float(rng.uniform(0.0, 0.08)),
        brow_habit=float(rng.uniform(0.0, 0.10)),
        head_tilt=float(np.clip(rng.normal(0, 0.015), -0.03, 0.03)),
        gaze_aversion=scale(0.3),
        upper_lip=scale(0.2),
    )
