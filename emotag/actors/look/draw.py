"""Looks drawn at random, so that actors are clearly different people."""

from typing import Literal

import numpy as np

from emotag.actors.look.look import (
    BACKDROPS,
    BEARDS,
    GARMENTS,
    Background,
    Beard,
    Clothes,
    Face,
    Garment,
    Hair,
    HairStyle,
    Lamp,
    Lens,
    Light,
    Look,
    Rgb,
    Skin,
)

Sex = Literal["female", "male"]
_FEMALE_STYLES: tuple[HairStyle, ...] = ("bob", "long", "bun", "ponytail", "curly", "fringe", "side_part")
_MALE_STYLES: tuple[HairStyle, ...] = ("short", "side_part", "swept_back", "curly", "shaved", "fringe", "short")
_HAIR_COLOURS: tuple[Rgb, ...] = (
    (0.085, 0.070, 0.065),  # black
    (0.160, 0.115, 0.085),
    (0.270, 0.180, 0.120),  # brown
    (0.390, 0.270, 0.170),
    (0.480, 0.250, 0.130),  # red
    (0.640, 0.480, 0.300),  # fair
    (0.760, 0.630, 0.440),
)
_IRISES: tuple[Rgb, ...] = (
    (0.22, 0.14, 0.08),
    (0.33, 0.21, 0.11),
    (0.42, 0.33, 0.18),  # hazel
    (0.36, 0.42, 0.30),  # green
    (0.38, 0.48, 0.56),  # blue
    (0.46, 0.50, 0.52),  # grey
)
_CLOTH: tuple[Rgb, ...] = (
    (0.16, 0.18, 0.22), (0.24, 0.30, 0.42), (0.55, 0.18, 0.18), (0.82, 0.81, 0.78), (0.30, 0.38, 0.30),
    (0.62, 0.55, 0.44), (0.44, 0.24, 0.36), (0.20, 0.42, 0.46), (0.75, 0.55, 0.20), (0.36, 0.36, 0.38),
)  # fmt: skip
_WALLS: tuple[Rgb, ...] = (
    (0.60, 0.62, 0.65), (0.42, 0.47, 0.52), (0.68, 0.64, 0.58), (0.36, 0.42, 0.40), (0.74, 0.74, 0.73),
    (0.30, 0.33, 0.40), (0.55, 0.46, 0.40), (0.48, 0.52, 0.46),
)  # fmt: skip


def draw_look(seed: int, sex: Sex | None = None) -> Look:
    """Draw a person, clothes, light and backdrop; the same seed and sex give the same look."""
    rng = np.random.default_rng(seed)
    drawn: Sex = "female" if rng.random() < 0.5 else "male"
    person: Sex = drawn if sex is None else sex
    tone = float(rng.uniform(0, 1))
    skin = _skin(rng, person, tone)
    hair = _hair(rng, person, tone)
    return Look(
        seed=seed,
        sex=person,
        skin=skin,
        face=_face(rng, person, tone),
        hair=hair,
        clothes=_clothes(rng),
        light=_light(rng, tone),
        background=_background(rng),
        lens=Lens(
            noise=_between(rng, 0.3, 0.7),
            vignette=_between(rng, 0.1, 0.5),
            warmth=_between(rng, -0.4, 0.5),
            softness=_between(rng, 0.3, 0.7),
        ),
        glasses=bool(rng.random() < 0.2),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _skin(rng: np.random.Generator, sex: Sex, tone: float) -> Skin:
    freckled = tone < 0.3 and rng.random() < 0.4
    return Skin(
        tone=tone,
        warmth=_between(rng, -0.6, 0.9),
        redness=_between(rng, 0.2, 0.8) * (1 - 0.5 * tone),
        mottling=_between(rng, 0.3, 0.7),
        under_eyes=_between(rng, 0.15, 0.7),
        freckles=_between(rng, 0.3, 1.0) if freckled else 0.0,
        moles=int(rng.integers(0, 6)),
        shine=_between(rng, 0.3, 0.8),
        roughness=_between(rng, 0.3, 0.7) + (0.2 if sex == "male" else 0.0),
    )


def _face(rng: np.random.Generator, sex: Sex, tone: float) -> Face:
    female = sex == "female"
    dark_eyes = rng.random() < 0.25 + 1.1 * tone
    iris = _IRISES[rng.integers(0, 3 if tone < 0.5 else 2)] if dark_eyes else _IRISES[rng.integers(2, 6)]
    lipsticks: tuple[Rgb, ...] = ((0.62, 0.16, 0.20), (0.72, 0.36, 0.38), (0.55, 0.22, 0.28), (0.74, 0.42, 0.36))
    painted = female and rng.random() < 0.4
    return Face(
        brow_thickness=_between(rng, 0.15, 0.6) if female else _between(rng, 0.45, 1.0),
        brow_arch=_between(rng, 0.4, 0.8) if female else _between(rng, 0.1, 0.5),
        brow_density=_between(rng, 0.3, 0.8),
        lashes=_between(rng, 0.5, 1.0) if female else _between(rng, 0.1, 0.4),
        lip_colour=lipsticks[rng.integers(0, len(lipsticks))] if painted else None,
        lip_redness=_between(rng, 0.3, 0.8),
        lip_gloss=_between(rng, 0.3, 0.8) if female else _between(rng, 0.1, 0.4),
        iris=iris,
        teeth=_between(rng, 0.3, 0.9),
    )


def _hair(rng: np.random.Generator, sex: Sex, tone: float) -> Hair:
    styles = _FEMALE_STYLES if sex == "female" else _MALE_STYLES
    style = styles[rng.integers(0, len(styles))]
    if tone > 0.7 and rng.random() < 0.5:
        style = "curly" if rng.random() < 0.6 else "shaved" if sex == "male" else "bun"
    fairest = max(1, round((1 - 1.3 * tone) * len(_HAIR_COLOURS)))
    place = min(int(rng.integers(0, fairest + 1)), len(_HAIR_COLOURS) - 1)
    colour = tuple(float(np.clip(c * rng.uniform(0.9, 1.1), 0, 1)) for c in _HAIR_COLOURS[place])
    old = rng.random() < 0.2
    beard: Beard = "none"
    if sex == "male":
        beard = BEARDS[rng.choice(len(BEARDS), p=(0.40, 0.25, 0.05, 0.10, 0.20))]
    return Hair(
        style=style,
        colour=(colour[0], colour[1], colour[2]),
        grey=_between(rng, 0.2, 0.8) if old else 0.0,
        length=_between(rng, 0.2, 1.0),
        volume=_between(rng, 0.2, 0.9),
        wave=_between(rng, 0.0, 0.8),
        part=float(rng.choice([-1.0, -0.6, 0.15, 0.6, 1.0])),
        hairline=_between(rng, -0.8, 0.2) if sex == "female" else _between(rng, -0.5, 0.9),
        beard=beard,
        beard_length=_between(rng, 0.1, 0.8),
        beard_shadow=_between(rng, 0.3, 0.9) if sex == "male" else 0.0,
    )


def _clothes(rng: np.random.Generator) -> Clothes:
    first, second = rng.choice(len(_CLOTH), 2, replace=False)
    garment: Garment = GARMENTS[rng.integers(0, len(GARMENTS))]
    return Clothes(
        garment=garment,
        colour=_CLOTH[first],
        second=_CLOTH[second],
        stripes=bool(garment in ("t_shirt", "sweater") and rng.random() < 0.25),
        folds=_between(rng, 0.3, 0.8),
    )


def _light(rng: np.random.Generator, tone: float) -> Light:
    side = float(rng.choice([-1.0, 1.0]))
    warm = _between(rng, -1, 1)
    key: Rgb = (1.0, 0.965 - 0.02 * warm, 0.93 - 0.07 * warm)
    fill: Rgb = (0.94, 0.97, 1.0) if warm > 0 else (1.0, 0.96, 0.92)
    room = _between(rng, 0.28, 0.50)
    return Light(
        key=Lamp(side * _between(rng, 15, 55), _between(rng, 15, 45), 1.0, key, _between(rng, 12, 26)),
        fill=Lamp(-side * _between(rng, 35, 70), _between(rng, -5, 20), _between(rng, 0.15, 0.45), fill, 30.0),
        rim=Lamp(
            -side * _between(rng, 125, 160), _between(rng, 15, 45), _between(rng, 0.2, 0.9), (1.0, 1.0, 1.0), 16.0
        ),
        sky=(room, 1.02 * room, 1.06 * room),
        ground=(0.75 * room, 0.70 * room, 0.64 * room),
        # A camera opens up for dark skin and stops down for light skin, though not fully.
        exposure=_between(rng, 0.94, 1.04) * (0.84 + 0.62 * tone),
    )


def _background(rng: np.random.Generator) -> Background:
    first, second = rng.choice(len(_WALLS), 2, replace=False)
    return Background(
        kind=BACKDROPS[rng.integers(0, len(BACKDROPS))],
        colour=_WALLS[first],
        second=_WALLS[second],
        contrast=_between(rng, 0.2, 0.8),
    )
