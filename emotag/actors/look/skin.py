"""Paint of the skin in the atlas: colour by blood and pigment, gloss, and fine relief."""

from dataclasses import dataclass

import cv2
import numpy as np

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.atlas import Atlas
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.look import Look, Skin
from emotag.actors.look.noise import fractal, smoothstep, texture_noise

_TONES = np.array(
    [
        [0.945, 0.800, 0.735],
        [0.910, 0.745, 0.660],
        [0.855, 0.665, 0.560],
        [0.760, 0.565, 0.450],
        [0.640, 0.450, 0.345],
        [0.500, 0.345, 0.265],
        [0.375, 0.255, 0.200],
        [0.270, 0.185, 0.150],
    ]
)
"""sRGB of skin from the lightest to the darkest, about the span of the Monk scale."""
_BLOOD = np.array([0.10, -0.62, -0.50])
"""How a full dose of blood scales linear light: natural logarithms by channel."""
_GOLD = np.array([0.01, -0.01, -0.14])
_PORE = 0.0011  # metres between pores
COARSE = 4
"""Texels between those at which soft features are worked out."""
_RELIEF = 0.000035  # metres, of pores


@dataclass
class Paint:
    """What is painted on the skin and the cloth; modified in place by each painter."""

    albedo: np.ndarray  # (H, W, 3) float32 linear
    gloss: np.ndarray  # (H, W) float32, 0 dull … 1 wet
    relief: np.ndarray  # (H, W) float32 metres


def base_tone(skin: Skin) -> np.ndarray:  # (3,) linear
    """Colour of the untanned, unflushed skin."""
    place = np.clip(skin.tone, 0, 1) * (len(_TONES) - 1)
    channels = [np.interp(place, np.arange(len(_TONES)), to_linear(_TONES)[:, c]) for c in range(3)]
    warm = skin.warmth * _GOLD - 0.5 * min(skin.warmth, 0) * 0.12 * _BLOOD
    return np.array(channels) * np.exp(warm)


def paint_skin(body: Anatomy, atlas: Atlas, look: Look, rng: np.random.Generator) -> Paint:
    """Paint bare skin without lips, brows and beard."""
    skin, shape, where = look.skin, atlas.shape, atlas.coarse(COARSE)
    texel = texel_size(atlas)
    blood = blood_map(body, atlas, skin, rng)
    pigment = 0.10 * skin.mottling * fractal(rng, shape, 0.022 / texel, 4)
    pigment += 0.05 * skin.mottling * texture_noise(rng, shape, 0.0018 / texel)
    pigment += 0.55 * skin.under_eyes * atlas.spread(under_eyes(body, where))
    pigment += freckles(body, atlas, skin, rng) + moles(body, atlas, skin, rng)
    pigment += 0.30 * atlas.spread(eyelids(body, where)) * (0.4 + 0.6 * skin.tone)
    melanin = np.array([0.42, 0.62, 0.80])
    albedo = base_tone(skin) * np.exp(blood[..., None] * _BLOOD - pigment[..., None] * melanin)

    # Skin is translucent where it is thin: ears and nostrils glow, so they are redder and a little lighter.
    ears = atlas.painted(body.ears, body.faces)
    albedo = mix(albedo, albedo * np.array([1.12, 0.90, 0.88]), 0.7 * ears)

    pores = pore_field(rng, shape, _PORE / texel)
    gloss = (
        (1 - 0.25 * skin.tone)
        * (0.28 + 0.32 * skin.shine * atlas.spread(oily(body, where)))
        * (1 + 0.30 * texture_noise(rng, shape, 0.0009 / texel))
    )
    gloss *= 1 + 0.25 * fractal(rng, shape, 0.008 / texel, 2)
    gloss = gloss * (1 - 0.5 * skin.roughness * pores) * (1 - 0.6 * ears)
    deep = pores * atlas.spread(pore_depth(body, where))
    relief = -_RELIEF * (1 - 0.5 * skin.tone) * (0.4 + skin.roughness) * deep
    relief += 0.000025 * (0.3 + skin.roughness) * texture_noise(rng, shape, 0.0030 / texel)
    albedo = albedo * (1 - 0.10 * skin.roughness * deep[..., None])
    return Paint(albedo.astype(np.float32), np.clip(gloss, 0, 0.6).astype(np.float32), relief.astype(np.float32))


def texel_size(atlas: Atlas) -> float:
    """Metres a texel covers in the middle of the face."""
    middle = atlas.size // 2
    step = atlas.skin[middle, middle + 8] - atlas.skin[middle, middle - 8]
    return float(np.linalg.norm(step) / 16)


def near(points: np.ndarray, centre: np.ndarray, radius: float | tuple[float, float, float]) -> np.ndarray:
    """A smooth bump: 1 at the centre, 0.37 at the radius (one for each axis, or one)."""
    return np.exp(-(((points - centre) / np.asarray(radius)) ** 2).sum(-1))


def mirrored(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A point and its mirror image."""
    return point, point * np.array([-1.0, 1.0, 1.0])


def blood_map(body: Anatomy, atlas: Atlas, skin: Skin, rng: np.random.Generator) -> np.ndarray:
    """Where skin is flushed: cheeks, nose, chin, ears, rims of the lids."""
    s, marks, where = body.scale, body.landmarks, atlas.coarse(COARSE)
    shape, texel = atlas.shape, texel_size(atlas)
    cheek = 0.5 * (marks[45] + marks[54]) + np.array([0.004, 0.002, 0.0]) * s
    total = sum(0.36 * near(where, point, (0.021 * s, 0.017 * s, 0.030 * s)) for point in mirrored(cheek))
    total = total + 0.42 * near(where, marks[30], (0.013 * s, 0.010 * s, 0.016 * s))
    total += sum(0.30 * near(where, point, 0.009 * s) for point in mirrored(0.5 * (marks[34] + marks[35])))
    total += 0.20 * near(where, marks[8] + np.array([0, 0.010, 0.004]) * s, 0.016 * s)
    total += 0.10 * near(where, marks[27] + np.array([0, 0.030, 0]) * s, (0.035 * s, 0.018 * s, 0.05 * s))
    blotch = 1 + 0.40 * skin.mottling * fractal(rng, shape, 0.014 / texel, 3)
    rims = sum(near(where, marks[i], (0.006 * s, 0.0028 * s, 0.01 * s)) for i in range(36, 48))
    total = atlas.spread(total) * (0.25 + 1.1 * skin.redness) * np.clip(blotch, 0.2, 2)
    total += 0.035 * skin.mottling * fractal(rng, shape, 0.007 / texel, 3)
    return total + 0.22 * atlas.spread(np.clip(rims, 0, 1)) + 0.30 * atlas.painted(body.ears, body.faces)


def under_eyes(body: Anatomy, where: np.ndarray) -> np.ndarray:
    """The hollow under each eye, darkest at its inner half."""
    s = body.scale
    total = np.zeros(where.shape[:2])
    for inner, lower in ((39, (40, 41)), (42, (47, 46))):
        middle = 0.35 * body.landmarks[inner] + 0.65 * body.landmarks[list(lower)].mean(0)
        total += near(where, middle + np.array([0, -0.007, 0]) * s, (0.013 * s, 0.0055 * s, 0.02 * s))
    return total


def eyelids(body: Anatomy, where: np.ndarray) -> np.ndarray:
    """Skin of the upper lids, between lashes and brow."""
    s = body.scale
    total = np.zeros(where.shape[:2])
    for eye in body.eye_centres:
        top = eye + np.array([0, 0.45, 0.85]) * body.eye_radius
        total += near(where, top, (0.017 * s, 0.0065 * s, 0.02 * s))
    return total


def oily(body: Anatomy, where: np.ndarray) -> np.ndarray:
    """The T-zone: forehead, bridge and tip of the nose, a little of chin and cheekbones."""
    s, marks = body.scale, body.landmarks
    forehead = marks[27] + np.array([0, 0.036, 0.0]) * s
    total = 0.9 * near(where, forehead, (0.034 * s, 0.024 * s, 0.05 * s))
    for index, amount, radius in ((28, 0.7, 0.010), (29, 0.8, 0.010), (30, 1.1, 0.010), (8, 0.4, 0.014)):
        total += amount * near(where, marks[index], radius * s)
    cheekbone = 0.6 * marks[45] + 0.4 * marks[54]
    total += sum(0.5 * near(where, point, 0.016 * s) for point in mirrored(cheekbone))
    return np.clip(0.25 + total, 0, 1.2)


def pore_depth(body: Anatomy, where: np.ndarray) -> np.ndarray:
    """Where pores show: nose, inner cheeks, forehead; little elsewhere."""
    s, marks = body.scale, body.landmarks
    total = 0.45 + 0.9 * near(where, marks[30], 0.020 * s)
    for point in mirrored(0.5 * (marks[31] + marks[41]) * np.array([1, 0, 0]) + marks[30] * np.array([0, 1, 1])):
        total += 0.5 * near(where, point, 0.025 * s)
    return np.clip(total, 0, 1.4)


def pore_field(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> np.ndarray:
    """Small round pits, 0–1, at random places, `spacing` texels apart on average."""
    field = (rng.random(shape, dtype=np.float32) < 1 / max(spacing, 1.0) ** 2).astype(np.float32)
    soft = cv2.GaussianBlur(field, (0, 0), max(0.28 * spacing, 0.5))
    return np.clip(soft / (np.quantile(soft, 0.985) + 1e-6), 0, 1)


def freckles(body: Anatomy, atlas: Atlas, skin: Skin, rng: np.random.Generator) -> np.ndarray:
    """Small brown spots over nose and cheeks."""
    total = np.zeros(atlas.shape, dtype=np.float32)
    if skin.freckles <= 0:
        return total
    s, marks = body.scale, body.landmarks
    where = atlas.coarse(COARSE)
    zone = near(where, marks[29], (0.050 * s, 0.020 * s, 0.08 * s))
    zone += 0.25 * near(where, marks[27] + np.array([0, 0.03, 0]) * s, (0.04 * s, 0.02 * s, 0.05 * s))
    zone, texel = atlas.spread(zone), texel_size(atlas)
    for size, share in ((0.0008, 0.7), (0.0013, 0.3)):
        density = share * skin.freckles * 0.035 * (texel / 0.0005) ** 2
        seeds = (rng.random(zone.shape) < zone * density).astype(np.float32)
        spots = cv2.GaussianBlur(seeds * rng.uniform(0.4, 1, zone.shape).astype(np.float32), (0, 0), size / texel)
        total += spots * 2 * np.pi * (size / texel) ** 2
    return 0.40 * np.clip(total, 0, 1.3)


def moles(body: Anatomy, atlas: Atlas, skin: Skin, rng: np.random.Generator) -> np.ndarray:
    """A few dark spots on cheeks, jaw, forehead and neck."""
    total = np.zeros(atlas.shape)
    s, coarse = body.scale, atlas.coarse(COARSE)
    low, high = body.landmarks[8, 1] - 0.02 * s, body.landmarks[27, 1] + 0.03 * s
    for _ in range(skin.moles):
        target = np.array([rng.uniform(-0.06, 0.06) * s, rng.uniform(low, high), 0.08 * s])
        distance = ((coarse - target) ** 2)[..., :2].sum(-1) + 10 * (coarse[..., 2] < 0.02 * s)
        row, column = COARSE * np.array(np.unravel_index(distance.argmin(), distance.shape))
        radius = rng.uniform(0.0006, 0.0014) * s
        reach = int(4 * radius / texel_size(atlas)) + 2
        window = slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach + 1)
        gap = np.linalg.norm(atlas.skin[window] - atlas.skin[row, column], axis=-1)
        total[window] += rng.uniform(0.7, 1.5) * (1 - smoothstep(gap, 0.6 * radius, 1.5 * radius))
    return total
