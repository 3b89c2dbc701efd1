"""What a synthetic actor looks like: every choice of a person, of the light on them and of the camera, as plain values.

Lengths are metres, colours are sRGB in 0–1, angles are degrees, amounts are 0 (none) to 1 (much) unless told.
"""

from dataclasses import dataclass, field
from typing import Literal

Rgb = tuple[float, float, float]
HairStyle = Literal["shaved", "short", "side_part", "swept_back", "curly", "fringe", "bob", "long", "bun", "ponytail"]
Beard = Literal["none", "stubble", "moustache", "goatee", "full"]
Garment = Literal["t_shirt", "v_neck", "sweater", "shirt"]
Backdrop = Literal["plain", "gradient", "room", "lights"]
HAIR_STYLES: tuple[HairStyle, ...] = (
    "shaved", "short", "side_part", "swept_back", "curly", "fringe", "bob", "long", "bun", "ponytail",
)  # fmt: skip
BEARDS: tuple[Beard, ...] = ("none", "stubble", "moustache", "goatee", "full")
GARMENTS: tuple[Garment, ...] = ("t_shirt", "v_neck", "sweater", "shirt")
BACKDROPS: tuple[Backdrop, ...] = ("plain", "gradient", "room", "lights")


@dataclass(frozen=True)
class Skin:
    """Skin of face, ears and neck."""

    tone: float = 0.3  # 0 lightest, 1 darkest human skin
    warmth: float = 0.0  # −1 pink undertone, +1 golden
    redness: float = 0.5  # of cheeks, nose, ears
    mottling: float = 0.5
    under_eyes: float = 0.4  # how dark
    freckles: float = 0.0
    moles: int = 2
    shine: float = 0.5
    roughness: float = 0.5  # strength of pores and fine lines


@dataclass(frozen=True)
class Face:
    """Brows, lashes, lips, eyes, teeth."""

    brow_thickness: float = 0.5
    brow_arch: float = 0.5
    brow_density: float = 0.6
    lashes: float = 0.5
    lip_colour: Rgb | None = None  # lipstick; None is the skin's own
    lip_redness: float = 0.5
    lip_gloss: float = 0.4
    iris: Rgb = (0.35, 0.25, 0.16)
    teeth: float = 0.6  # 0 yellow, 1 white


@dataclass(frozen=True)
class Hair:
    """Hair of the head and of the face."""

    style: HairStyle = "short"
    colour: Rgb = (0.20, 0.14, 0.10)
    grey: float = 0.0  # fraction of grey strands
    length: float = 0.5  # within what the style allows
    volume: float = 0.5
    wave: float = 0.2
    part: float = 0.5  # side of the parting: −1 the person's right … +1 left
    hairline: float = 0.0  # −1 low … +1 receding
    beard: Beard = "none"
    beard_length: float = 0.4
    beard_shadow: float = 0.0


@dataclass(frozen=True)
class Clothes:
    """What covers the shoulders."""

    garment: Garment = "t_shirt"
    colour: Rgb = (0.25, 0.30, 0.38)
    second: Rgb = (0.85, 0.85, 0.82)  # of stripes, or of the shirt under the sweater
    stripes: bool = False
    folds: float = 0.5


@dataclass(frozen=True)
class Lamp:
    """A soft light."""

    azimuth: float  # degrees to the image's right of the camera's axis
    elevation: float
    power: float
    colour: Rgb
    size: float  # degrees, half width


@dataclass(frozen=True)
class Light:
    """Lamps and the light of the room around them."""

    key: Lamp = Lamp(-38.0, 32.0, 1.0, (1.0, 0.96, 0.90), 18.0)
    fill: Lamp = Lamp(50.0, 10.0, 0.30, (0.92, 0.96, 1.0), 30.0)
    rim: Lamp = Lamp(150.0, 35.0, 0.6, (1.0, 1.0, 1.0), 15.0)
    sky: Rgb = (0.30, 0.31, 0.33)  # from above
    ground: Rgb = (0.17, 0.15, 0.13)  # from below
    exposure: float = 1.0


@dataclass(frozen=True)
class Background:
    """What is behind the person, out of focus."""

    kind: Backdrop = "gradient"
    colour: Rgb = (0.55, 0.57, 0.60)
    second: Rgb = (0.35, 0.36, 0.40)
    contrast: float = 0.5


@dataclass(frozen=True)
class Lens:
    """Camera and video."""

    noise: float = 0.5
    vignette: float = 0.3
    warmth: float = 0.0  # white balance: −1 blue, +1 yellow
    softness: float = 0.5


@dataclass(frozen=True)
class Look:
    """A person before a camera."""

    seed: int = 0  # of everything random: noise of the skin, strands, backdrop
    sex: Literal["female", "male"] = "female"
    skin: Skin = field(default_factory=Skin)
    face: Face = field(default_factory=Face)
    hair: Hair = field(default_factory=Hair)
    clothes: Clothes = field(default_factory=Clothes)
    light: Light = field(default_factory=Light)
    background: Background = field(default_factory=Background)
    lens: Lens = field(default_factory=Lens)
    glasses: bool = False
