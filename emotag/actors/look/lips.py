"""Paint of the lips and of the mouth's inside."""

import cv2
import numpy as np

from emotag.actors.look.anatomy import MOUTH, Anatomy
from emotag.actors.look.atlas import MOUTH_CORNER, Atlas
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.look import Look
from emotag.actors.look.noise import fractal, smoothstep, texture_noise
from emotag.actors.look.skin import Paint, base_tone, texel_size

_LIP_BLOOD = np.array([0.06, -0.72, -0.52])
_GUMS, _TONGUE, _SOCKET = (0.72, 0.38, 0.38), (0.76, 0.42, 0.42), (0.45, 0.17, 0.17)
_YELLOW_TEETH, _WHITE_TEETH = (0.84, 0.77, 0.62), (0.93, 0.91, 0.86)


def paint_lips(paint: Paint, body: Anatomy, atlas: Atlas, look: Look, rng: np.random.Generator) -> None:
    """Redden the lips up to a soft vermilion border, with fine vertical lines and gloss."""
    face, shape, texel = look.face, atlas.shape, texel_size(atlas)
    membership = cv2.GaussianBlur(atlas.painted(body.lips, body.faces), (0, 0), 0.0006 * body.scale / texel)
    membership = membership + 0.04 * texture_noise(rng, shape, 0.0016 / texel)
    border = 0.42 if face.lip_colour is None else 0.38
    lip = smoothstep(membership, border - 0.20, border + 0.20)
    crease = vertical_lines(atlas, rng, texel)
    blood = (0.30 + 0.55 * face.lip_redness) * (1 - 0.4 * look.skin.tone)
    own = base_tone(look.skin) * np.exp(blood * _LIP_BLOOD) * (0.88 - 0.14 * look.skin.tone)
    patches = 1 + 0.07 * fractal(rng, shape, 0.005 / texel, 3)
    colour = np.broadcast_to(own, paint.albedo.shape) * patches[..., None] * (1 - 0.10 * crease[..., None])
    strength = lip * 0.88
    if face.lip_colour is not None:
        paint_on = to_linear(face.lip_colour) * (1 - 0.62 * look.skin.tone)
        colour = mix(colour, paint_on * (1 - 0.12 * crease[..., None]), 0.80)
        strength = lip * 0.96
    paint.albedo[:] = mix(paint.albedo, colour, strength)
    # The white roll: a lighter rim just outside the vermilion.
    rim = np.exp(-(((membership - border + 0.26) / 0.10) ** 2))
    paint.albedo *= (1 + 0.07 * rim * (membership > 0.01))[..., None]
    wet = (0.42 + 0.45 * face.lip_gloss) * (1 - 0.45 * crease) * (0.9 + 0.15 * texture_noise(rng, shape, 0.001 / texel))
    paint.gloss[:] = np.clip(paint.gloss + (wet - paint.gloss) * lip, 0, 1)
    paint.relief -= (0.00013 * crease * lip).astype(np.float32)


def vertical_lines(atlas: Atlas, rng: np.random.Generator, texel: float) -> np.ndarray:
    """Fine lines across the lips, 0–1: noise stretched along the picture's columns."""
    shape = atlas.shape
    lines = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.5, sigmaY=0.004 / texel)
    wide = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.0006 / texel, sigmaY=0.005 / texel)
    lines = lines / lines.std() + 1.2 * wide / wide.std()
    return np.clip(0.5 + 0.45 * lines, 0, 1) ** 2


def paint_mouth(picture: np.ndarray, gloss: np.ndarray, atlas: Atlas, look: Look, rng: np.random.Generator) -> None:
    """Fill the mouth's corner of the atlas: teeth, gums, tongue, socket, one band each."""
    size = atlas.corner_texels
    teeth = mix(to_linear(_YELLOW_TEETH), to_linear(_WHITE_TEETH), look.face.teeth)
    colours = (teeth, to_linear(_GUMS), to_linear(_TONGUE), to_linear(_SOCKET))
    left, top = int(MOUTH_CORNER[0] * atlas.size), int(MOUTH_CORNER[1] * atlas.size)
    band = size // len(MOUTH)
    for row, (colour, mottle, wet) in enumerate(zip(colours, (0.03, 0.10, 0.12, 0.06), (0.85, 0.8, 0.65, 0.3))):
        rows = slice(top + row * band, top + (row + 1) * band)
        noise = 1 + mottle * fractal(rng, (band, size), 12, 3)
        picture[rows, left : left + size] = colour * noise[..., None]
        gloss[rows, left : left + size] = wet
