"""Paint under hair: the scalp, shaved heads, brows, the lids' dark margins, beard shadow and stubble."""

import numpy as np
from scipy.interpolate import CubicSpline

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.atlas import Atlas
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.facial_hair import beard_mask, brow_colour, brow_half_width, brow_line
from emotag.actors.look.look import Look
from emotag.actors.look.noise import smoothstep, texture_noise
from emotag.actors.look.skin import Paint, near, pore_field, texel_size

_LIDS = (((36, 37, 38, 39), 1.0), ((42, 43, 44, 45), 1.0), ((36, 41, 40, 39), 0.35), ((42, 47, 46, 45), 0.35))


def paint_hair(paint: Paint, body: Anatomy, atlas: Atlas, look: Look, rng: np.random.Generator) -> None:
    """Paint all of it."""
    texel = texel_size(atlas)
    hair = to_linear(look.hair.colour) * (1 - look.hair.grey) + to_linear((0.5, 0.5, 0.5)) * look.hair.grey
    where = atlas.coarse(2)
    ears = atlas.painted(body.ears, body.faces)
    shape = atlas.shape
    dots = pore_field(rng, shape, 0.0011 / texel)

    shaved = look.hair.style == "shaved"
    line = atlas.spread(body.scalp(where, look.hair.hairline, 0.008 * body.scale))
    scalp = line * (1 - np.clip(3 * ears, 0, 1))
    if shaved:
        cover = scalp * (0.30 + 0.25 * dots) * np.clip(2.5 * look.hair.length, 0.15, 1)
    else:
        cover = scalp**1.5 * (0.84 + 0.06 * texture_noise(rng, shape, 0.002 / texel))
    _tint(paint, hair * (1.0 if shaved else 0.40), cover, dull=0.8)

    kind = look.hair.beard
    if kind != "none" or look.hair.beard_shadow > 0:
        lips = np.clip(2.5 * atlas.painted(body.lips, body.faces), 0, 1)
        full = atlas.spread(beard_mask(body, "full", where, rng)) * (1 - lips) * (1 - np.clip(3 * ears, 0, 1))
        # Under the skin hair is seen bluish and soft; stubble adds dots.
        shade = 0.30 * look.hair.beard_shadow * full
        _tint(paint, 0.5 * hair + 0.5 * paint.albedo * np.array([0.55, 0.66, 0.80]), shade, dull=0.2)
        if kind == "stubble":
            _tint(paint, hair, full * (0.16 + 0.50 * dots) * (0.5 + 0.5 * look.hair.beard_length), dull=0.5)
        elif kind != "none":
            own = atlas.spread(beard_mask(body, kind, where, rng)) * (1 - lips)
            _tint(paint, 0.8 * hair, own * (0.66 + 0.2 * dots), dull=0.7)
    _brows(paint, body, atlas, look)
    _lash_lines(paint, body, atlas, look)


def _tint(paint: Paint, colour: np.ndarray, cover: np.ndarray, dull: float) -> None:
    paint.albedo[:] = mix(paint.albedo, np.broadcast_to(colour, paint.albedo.shape), np.clip(cover, 0, 1))
    paint.gloss *= (1 - dull * np.clip(cover, 0, 1)).astype(np.float32)


def _brows(paint: Paint, body: Anatomy, atlas: Atlas, look: Look) -> None:
    """A soft shade under the hairs."""
    for side in (1, -1):
        line = brow_line(body, look.face.brow_arch, side)
        along, gap = _beside(line, atlas.skin, body, 0.012 * body.scale)
        half = brow_half_width(along, look.face.brow_thickness) * body.scale
        cover = (0.22 + 0.36 * look.face.brow_density) * smoothstep(gap / np.maximum(half, 1e-5), 1.25, 0.35)
        cover *= smoothstep(along, -0.04, 0.12) * smoothstep(along, 1.04, 0.75)
        _tint(paint, brow_colour(look.hair), cover, dull=0.6)


def _lash_lines(paint: Paint, body: Anatomy, atlas: Atlas, look: Look) -> None:
    """The margins of the lids: dark at the lashes' roots, pink at the inner corner."""
    for marks, share in _LIDS:
        line = CubicSpline(np.linspace(0, 1, 4), body.landmarks[list(marks)])
        _, gap = _beside(line, atlas.skin, body, 0.006 * body.scale)
        strength = share * (0.35 + 0.5 * look.face.lashes)
        _tint(paint, np.full(3, 0.010), strength * smoothstep(gap, 0.0016 * body.scale, 0.0003 * body.scale), dull=0.3)
    for inner in (39, 42):
        pink = atlas.spread(near(atlas.coarse(2), body.landmarks[inner], 0.0026 * body.scale))
        _tint(paint, to_linear((0.74, 0.42, 0.40)), 0.6 * pink, dull=0.0)


def _beside(
    line: CubicSpline, points: np.ndarray, body: Anatomy, reach: float
) -> tuple[np.ndarray, np.ndarray]:  # (H, W), (H, W)
    """Place along a curve (0–1, beyond where past an end) and distance from it; far points get a large distance."""
    share = np.linspace(-0.06, 1.06, 48)
    knots = line(share)
    low, high = knots.min(0) - reach, knots.max(0) + reach
    along, gap = np.full(points.shape[:2], 0.5), np.full(points.shape[:2], 1.0)
    coarse = ((points[::4, ::4] > low - reach) & (points[::4, ::4] < high + reach)).all(-1)
    rows, columns = coarse.any(1).nonzero()[0], coarse.any(0).nonzero()[0]
    if not len(rows):
        return along, gap
    window = slice(4 * rows[0], 4 * rows[-1] + 5), slice(4 * columns[0], 4 * columns[-1] + 5)
    close = np.zeros(points.shape[:2], bool)
    close[window] = ((points[window] > low) & (points[window] < high)).all(-1)
    distance = np.linalg.norm(points[close][:, None] - knots, axis=2)
    best = distance.argmin(1)
    along[close], gap[close] = share[best], distance[np.arange(len(best)), best]
    return along, gap
