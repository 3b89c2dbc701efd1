"""From paint to the texels that the renderer reads."""

import numpy as np

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.atlas import Atlas
from emotag.actors.look.clothes import paint_clothes
from emotag.actors.look.eyes import paint_eye
from emotag.actors.look.hair_paint import paint_hair
from emotag.actors.look.lips import paint_lips, paint_mouth
from emotag.actors.look.look import Look
from emotag.actors.look.shading_kernels import RELIEF_LIMIT
from emotag.actors.look.skin import Paint, paint_skin


def paint_head(body: Anatomy, atlas: Atlas, look: Look, rng: np.random.Generator) -> Paint:
    """Paint the skin."""
    paint = paint_skin(body, atlas, look, rng)
    paint_lips(paint, body, atlas, look, rng)
    paint_hair(paint, body, atlas, look, rng)
    return paint


def make_texels(body: Anatomy, atlas: Atlas, look: Look, rng: np.random.Generator) -> np.ndarray:  # (H, W, 8) uint8
    """Paint the whole atlas: √RGB of linear colour, gloss, slope as the normal's change in rest axes."""
    paint = paint_head(body, atlas, look, rng)
    paint_clothes(paint, body, atlas, look.clothes, rng)
    slopes = relief_slopes(paint.relief, atlas.skin)
    paint_eye(paint.albedo, paint.gloss, atlas, look, rng)
    paint_mouth(paint.albedo, paint.gloss, atlas, look, rng)
    return packed(paint.albedo, paint.gloss, slopes)


def packed(albedo: np.ndarray, gloss: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Quantise."""
    texels = np.zeros((*gloss.shape, 8), dtype=np.uint8)
    texels[..., :3] = np.rint(np.sqrt(np.clip(albedo, 0, 1)) * 255)
    texels[..., 3] = np.rint(np.clip(gloss, 0, 1) * 255)
    texels[..., 4:7] = np.rint(np.clip(slopes / RELIEF_LIMIT, -1, 1) * 127) + 128
    return texels


def relief_slopes(
    relief: np.ndarray,  # (H, W) metres
    positions: np.ndarray,  # (H, W, 3) metres
) -> np.ndarray:  # (H, W, 3)
    """Minus the surface gradient of a height: what to add to a unit normal (rest axes)."""
    down, across = np.gradient(positions, axis=(0, 1))
    h_down, h_across = np.gradient(relief)
    dd, aa, da = (down * down).sum(-1), (across * across).sum(-1), (down * across).sum(-1)
    det = dd * aa - da * da
    sound = det > 1e-4 * dd * aa + 1e-16
    det = np.where(sound, det, 1)
    along_down = (aa * h_down - da * h_across) / det
    along_across = (dd * h_across - da * h_down) / det
    gradient = along_down[..., None] * down + along_across[..., None] * across
    slopes = np.where(sound[..., None], -gradient, 0)
    length = np.linalg.norm(slopes, axis=-1, keepdims=True)
    return slopes * np.minimum(1, RELIEF_LIMIT / np.maximum(length, 1e-9))
