"""Hair of the head: strands of a style, coloured and shadowed by one another."""

import numpy as np

from emotag.actors.look import hair_styles as styles
from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.look import Hair
from emotag.actors.look.occlusion import ShadowMaps, visibility
from emotag.actors.look.strands import Strands, Surface

_STYLES = {
    "short": (styles.short, 9000, 0.00060),
    "side_part": (styles.side_part, 9000, 0.00070),
    "swept_back": (styles.swept_back, 9000, 0.00070),
    "curly": (styles.curly, 6500, 0.00080),
    "fringe": (styles.fringe, 7500, 0.00080),
    "bob": (styles.bob, 7000, 0.00090),
    "long": (styles.long, 7500, 0.00095),
    "bun": (styles.tied, 8000, 0.00075),
    "ponytail": (styles.tied, 8000, 0.00075),
}
"""How each style grows, how many strands are tried, and how wide they are drawn (metres: each stands for several)."""
_EXTRA = {"bun": (styles.bun, 900), "ponytail": (styles.ponytail, 1200)}
_CORES, _CORE_WIDTH, _CORE_DEPTH, _CORE_LENGTH, _CORE_SHADE = 420, 0.0065, 0.005, 0.9, 0.55
"""Of the locks under the hair: how many, metres wide, metres deep, share of a strand's length, of its brightness."""
_CORE_MARGIN = 0.013  # metres inside the hairline that they begin
_GREY = (0.58, 0.57, 0.56)


def make_hair(body: Anatomy, hair: Hair, rng: np.random.Generator, share: float = 1.0) -> Strands | None:
    """Grow the hair of a head, `share` of its strands; None when it is shaved. `shadowed` darkens it afterwards."""
    if hair.style == "shaved":
        return None
    style, count, width = _STYLES[hair.style]
    surface = Surface(body)
    comb = styles.Comb(body, hair, surface, styles.rooted(body, hair, int(share * count), rng), rng)
    points = style(comb)
    if hair.style in _EXTRA:
        more, extra = _EXTRA[hair.style]
        added = more(comb, int(share * extra))
        knots = points.shape[1]
        place = np.linspace(0, added.shape[1] - 1, knots)
        low = np.minimum(place.astype(int), added.shape[1] - 2)
        rest = (place - low)[:, None]
        points = np.concatenate((points, added[:, low] * (1 - rest) + added[:, low + 1] * rest))
    taper = 1 - 0.75 * np.linspace(0, 1, points.shape[1]) ** 3
    inside = np.clip(body.scalp(points[:, 0], hair.hairline - 0.4, 0.012 * body.scale), 0.35, 1)[:, None]
    widths = width / np.sqrt(share) * body.scale * rng.uniform(0.7, 1.2, (len(points), 1)) * taper * inside
    return Strands(
        points=points.astype(np.float32),
        normals=outwards(body, surface, points).astype(np.float32),
        colours=strand_colours(hair, points.shape[:2], rng),
        widths=widths.astype(np.float32),
        roots=None,
    )


def outwards(body: Anatomy, surface: Surface, points: np.ndarray) -> np.ndarray:  # (N, K, 3)
    """Normals of the volume of hair: the skin's near it, from the head's middle further out."""
    count, knots = points.shape[:2]
    gap, normal = surface.look(points.reshape(-1, 3))
    middle = body.head_centre - np.array([0, 0, 0.02])
    radial = points.reshape(-1, 3) - middle
    radial[:, 1] *= np.where(radial[:, 1] < 0, 0.25, 1.0)  # below the skull hair hangs: its outside faces sideways
    radial /= np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-9)
    far = np.clip(gap / 0.02, 0.35, 1)[:, None]
    mixed = normal * (1 - far) + radial * far
    return (mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)).reshape(count, knots, 3)


def strand_colours(hair: Hair, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:  # (N, K, 4)
    """Each strand its own shade, darker at the root, some grey; the last channel is the share of highlights."""
    count, knots = shape
    own = to_linear(hair.colour) * np.exp(rng.normal(0, 0.13, (count, 1)) + rng.normal(0, 0.03, (count, 3)))
    # Grey hair is white strands among coloured ones, but locks are seen, which mix them.
    white = to_linear(_GREY) * np.exp(rng.normal(0, 0.12, (count, 1)))
    own = mix(own, white, np.clip(hair.grey + rng.normal(0, 0.22, count), 0, 1) * (hair.grey > 0))
    along = np.linspace(0, 1, knots)[:, None]
    colours = np.empty((count, knots, 4), np.float32)
    colours[..., :3] = np.clip(own[:, None] * (0.72 + 0.42 * along), 0, 1)
    colours[..., 3] = 1.0
    return colours


def shadowed(strands: Strands, maps: ShadowMaps) -> Strands:
    """Darken strands of the head that lie deep in the hair, and sort them from the outermost inwards."""
    count, knots = strands.points.shape[:2]
    sparse = np.unique(np.r_[0:knots:2, knots - 1])  # light changes slowly along a strand
    seen = visibility(maps, strands.points[:, sparse].reshape(-1, 3).astype(np.float64), 0.0015)
    above = np.maximum(maps.directions[:, 1] + 0.6, 0)
    coarse = (seen @ (above / above.sum()).astype(np.float32)).reshape(count, len(sparse))
    place = np.interp(np.arange(knots), sparse, np.arange(len(sparse)))
    low = np.minimum(place.astype(int), len(sparse) - 2)
    light = (coarse[:, low] * (low + 1 - place) + coarse[:, low + 1] * (place - low))[..., None]
    # An open point sees about half of the sphere; multiple scattering keeps the depth of hair from going black.
    light = np.clip(light / 0.72, 0, 1)
    colours = strands.colours * np.concatenate((np.repeat(0.16 + 0.84 * light, 3, axis=2), light**1.5), axis=2)
    # Outer strands come first, so that what they hide is soon found to be hidden.
    order = np.argsort(-light.mean((1, 2)), kind="stable")
    return Strands(
        strands.points[order],
        strands.normals[order],
        colours[order].astype(np.float32),
        strands.widths[order],
        None,
    )


def core(strands: Strands, body: Anatomy, hair: Hair, rng: np.random.Generator) -> Strands:
    """Wide, dark, smooth locks just under the hair, which close its gaps: they stand for what lies deeper."""
    knots = strands.points.shape[1]
    scale, root = body.scale, strands.points[:, 0].astype(np.float64)
    inner = np.flatnonzero(
        body.scalp(root - np.array([0, _CORE_MARGIN * scale, 0]), hair.hairline, 0.002 * scale) > 0.5
    )
    chosen = rng.choice(inner, min(_CORES, len(inner)), replace=False)
    points = strands.points[chosen]
    for _ in range(3):
        points[:, 1:-1] = 0.25 * points[:, :-2] + 0.5 * points[:, 1:-1] + 0.25 * points[:, 2:]
    share = np.linspace(0, 1, knots)
    depth = _CORE_DEPTH * scale * np.minimum(4 * share, 1)
    points = points - depth[:, None] * strands.normals[chosen]
    taper = np.sqrt(np.clip(np.minimum(share / 0.15 + 0.2, (_CORE_LENGTH - share) / 0.25), 0, 1))
    colours = _CORE_SHADE * strands.colours[chosen]
    colours[..., 3] = 0
    widths = np.broadcast_to(_CORE_WIDTH * scale * taper, (len(chosen), knots))
    return Strands(
        points.astype(np.float32),
        strands.normals[chosen],
        colours,
        widths.astype(np.float32),
        None,
    )
