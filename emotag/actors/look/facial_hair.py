"""Brows, lashes and beards: strands that follow the skin they root in."""

import numpy as np
from scipy.interpolate import CubicSpline

from emotag.actors.look.anatomy import LEFT_BROW, RIGHT_BROW, Anatomy
from emotag.actors.look.colour import to_linear
from emotag.actors.look.look import Hair, Look
from emotag.actors.look.noise import smoothstep, space_noise
from emotag.actors.look.strands import Roots, Strands, Surface, clump, frizz, grow, roots_near, scatter, unit

UP = np.array([0.0, 1.0, 0.0])
_KNOTS = 6
_BROW_HAIRS, _LASHES, _BEARD_HAIRS = 380, 70, 7500
_UPPER = ((36, 37, 38, 39), (45, 44, 43, 42))  # from the outer corner inwards
_LOWER = ((36, 41, 40, 39), (45, 46, 47, 42))
_GREY = 0.25  # linear
_DARK = 0.045
"""Linear luminance above which brows and lashes are darker than the hair."""


def make_facial_hair(body: Anatomy, look: Look, rng: np.random.Generator, share: float = 1.0) -> Strands:
    """All hair of the face as one set of strands; `share` of a beard's."""
    parts = [*brows(body, look, rng), *lashes(body, look, rng)]
    if look.hair.beard not in ("none", "stubble"):
        parts.append(beard(body, look, rng, share))
    return Strands(
        points=np.concatenate([part.points for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        colours=np.concatenate([part.colours for part in parts]),
        widths=np.concatenate([part.widths for part in parts]),
        roots=Roots(
            *(
                np.concatenate([getattr(part.roots, name) for part in parts])
                for name in ("points", "normals", "face", "weights")
            )
        ),
    )


def brow_colour(hair: Hair) -> np.ndarray:  # (3,)
    """Brows are the hair's colour, darker when that is fair."""
    colour = to_linear(hair.colour)
    level = float(colour.mean())
    return colour * min(1.0, (_DARK + 0.35 * level) / level) * 0.9


def brow_line(body: Anatomy, arch: float, side: int) -> CubicSpline:
    """The brow's middle line, 0 at its inner end, 1 at its tail; `side` +1 is the person's left."""
    marks = body.landmarks[LEFT_BROW if side > 0 else RIGHT_BROW]
    marks = marks if side > 0 else marks[::-1]
    lift = np.array([-0.0006, 0.0004, 0.0016, 0.0008, -0.0008]) * (2 * arch - 0.6) * body.scale
    return CubicSpline(np.linspace(0, 1, 5), marks + lift[:, None] * np.array([0, 1.0, 0]))


def brow_half_width(along: np.ndarray, thickness: float) -> np.ndarray:
    """Half of the brow's height in metres along it: full near its head, pointed at its tail."""
    return (0.0026 + 0.0026 * thickness) * smoothstep(along, -0.12, 0.14) * (1 - 0.62 * smoothstep(along, 0.45, 1.06))


def brows(body: Anatomy, look: Look, rng: np.random.Generator) -> list[Strands]:
    """Short hairs that rise at the brow's head and lie along it at its tail."""
    made = []
    for side in (1, -1):
        line = brow_line(body, look.face.brow_arch, side)
        count = int(_BROW_HAIRS * (0.55 + 0.9 * look.face.brow_density))
        along = -0.02 + 1.02 * rng.uniform(0, 1, count) ** 1.25
        across = np.clip(rng.normal(0, 0.52, count), -1.1, 1.1)
        half = brow_half_width(along, look.face.brow_thickness) * body.scale
        roots = roots_near(body, line(along) + (across * half)[:, None] * np.array([0, 1.0, 0]))
        tangent = unit(line(along, 1))
        rise = (0.95 - 1.05 * along - 0.55 * across * smoothstep(along, 0.15, 0.5))[:, None]
        lean = unit(tangent + rise * np.array([0, 1.0, 0]) + rng.normal(0, 0.16, (count, 3)))
        length = (0.0062 + 0.0016 * look.face.brow_thickness) * body.scale * rng.uniform(0.7, 1.15, count)
        points = _lying(roots, lean, tangent, length, 0.14)
        made.append(
            _strands(roots, points, 1.4 * brow_colour(look.hair), 0.00022 * body.scale, rng, look.hair.grey * 0.6)
        )
    return made


def _lying(roots: Roots, lean: np.ndarray, end: np.ndarray, length: np.ndarray, lift: float) -> np.ndarray:
    """Hairs that lie on the skin, turning from one direction to another."""
    points = [roots.points + 0.0002 * roots.normals]
    for share in np.linspace(0, 1, _KNOTS)[1:]:
        step = lean * (1 - 0.6 * share) + end * 0.6 * share
        step = unit(step - (step * roots.normals).sum(1, keepdims=True) * roots.normals)
        step = step + lift * (1 - 1.3 * share) * roots.normals
        points.append(points[-1] + step * (length / (_KNOTS - 1))[:, None])
    return np.stack(points, axis=1)


def lashes(body: Anatomy, look: Look, rng: np.random.Generator) -> list[Strands]:
    """Curved lashes along the lids' margins, longer above."""
    made = []
    for lines, length, up, share in ((_UPPER, 0.0056, 1.0, 1.0), (_LOWER, 0.0026, -1.0, 0.6)):
        for eye, marks in enumerate(lines):
            corner = CubicSpline(np.linspace(0, 1, 4), body.landmarks[list(marks)])
            count = int(_LASHES * share * (0.7 + 0.6 * look.face.lashes))
            along = np.clip(np.linspace(0.03, 0.93, count) + rng.normal(0, 0.008, count), 0.01, 0.97)
            roots = roots_near(body, corner(along))
            side = -1.0 if eye == 0 else 1.0
            fan = np.stack((side * (0.75 - 1.1 * along), np.zeros(count), np.zeros(count)), axis=1)
            out = np.array([0.0, 0.0, 1.0]) + fan * 0.8 + rng.normal(0, 0.07, (count, 3))
            start, end = unit(out - 0.25 * up * UP), unit(0.5 * out + up * UP)
            size = (
                length
                * body.scale
                * (0.65 + 0.6 * look.face.lashes)
                * (0.75 + 0.5 * np.sin(np.pi * (1 - along) ** 0.8))
            )
            points = [roots.points]
            for knot in range(1, _KNOTS):
                turn = (knot / (_KNOTS - 1)) ** 0.8
                points.append(points[-1] + unit(start * (1 - turn) + end * turn) * (size / (_KNOTS - 1))[:, None])
            width = (0.00015 + 0.00010 * look.face.lashes) * body.scale
            made.append(_strands(roots, np.stack(points, axis=1), np.full(3, 0.006), width, rng, 0.0))
    return made


def beard_mask(body: Anatomy, kind: str, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # (...)
    """Where a beard grows, 0–1, with ragged borders."""
    s, marks = body.scale, body.landmarks
    wander = 0.0018 * s * space_noise(rng, points, 0.011 * s)
    x, y, z = np.abs(points[..., 0]) + wander, points[..., 1] + wander, points[..., 2]
    corner_x, corner_y, jaw_x, chin_y = marks[54, 0], marks[54, 1], marks[15, 0], marks[8, 1]
    behind = smoothstep(z, body.ear_centre[2] - 0.002 * s, body.ear_centre[2] + 0.010 * s)
    front = smoothstep(z, 0.030 * s, 0.050 * s)

    # Cheek line: from beside the mouth up to the sideburn in front of the ear.
    reach = np.clip((x - corner_x) / (jaw_x - corner_x), -0.3, 1.2)
    cheek = corner_y + (0.011 + 0.034 * np.clip(reach, 0, 2) ** 1.7) * s
    full = smoothstep(cheek - y, -0.005 * s, 0.006 * s)
    full *= smoothstep(y, chin_y - 0.030 * s, chin_y - 0.008 * s) * behind
    sideburn = smoothstep(x, 0.88 * jaw_x, 0.97 * jaw_x) * behind
    sideburn *= smoothstep(body.ear_top - y, 0.004 * s, 0.016 * s) * smoothstep(y, corner_y - 0.03 * s, corner_y)

    # Moustache: under the nose, sloping down to the corners of the mouth.
    top = marks[33, 1] - 0.0025 * s - 0.35 * np.maximum(x - 0.25 * corner_x, 0)
    moustache = smoothstep(top - y, -0.002 * s, 0.004 * s) * smoothstep(y, corner_y - 0.006 * s, corner_y + 0.001 * s)
    moustache *= (1 - smoothstep(x, 1.0 * corner_x, 1.30 * corner_x)) * front
    chin = smoothstep(marks[57, 1] - y, -0.003 * s, 0.005 * s) * smoothstep(y, chin_y - 0.018 * s, chin_y - 0.002 * s)
    chin *= (1 - smoothstep(x, 0.70 * corner_x, 1.10 * corner_x)) * front
    link = smoothstep(corner_y + 0.005 * s - y, -0.003 * s, 0.004 * s) * smoothstep(y, chin_y - 0.01 * s, chin_y)
    link *= np.exp(-(((x - 1.14 * corner_x) / (0.0060 * s)) ** 2)) * front
    goatee = np.maximum.reduce([moustache, chin, link])
    shapes = {"moustache": moustache, "goatee": goatee, "full": np.maximum.reduce([full, goatee, sideburn])}
    return np.asarray(shapes.get(kind, shapes["full"]))


def beard(body: Anatomy, look: Look, rng: np.random.Generator, share: float) -> Strands:
    """Hairs that grow downwards and out over the jaw."""
    hair, s = look.hair, body.scale
    state = int(rng.integers(2**31))
    low = np.array([-1.0, body.chin[1] - 0.05 * s, body.ear_centre[2] - 0.01 * s])
    high = np.array([1.0, body.ear_top, 1.0])

    def density(points: np.ndarray) -> np.ndarray:
        return beard_mask(body, hair.beard, points, np.random.default_rng(state))

    roots = scatter(body, density, int(share * _BEARD_HAIRS), rng, (low, high))
    lips = (body.lips[body.faces[roots.face]] * roots.weights).sum(1)
    roots = roots.chosen(lips < 0.25)
    across = np.sign(roots.points[:, :1]) * np.array([1.0, 0, 0])
    moustache = (roots.points[:, 1] > body.landmarks[48, 1])[:, None] & (np.abs(roots.points[:, :1]) < 0.03 * s)
    flow = np.where(moustache, 0.9 * across + np.array([0, -0.9, 0.1]), np.array([0, -1.0, 0.12]))
    length = (0.006 + 0.020 * hair.beard_length) * s * rng.uniform(0.6, 1.2, len(roots))
    length = np.where(moustache[:, 0], np.minimum(length, 0.010 * s), length)
    length *= 0.45 + 0.55 * smoothstep(body.landmarks[48, 1] + 0.01 * s - roots.points[:, 1], 0, 0.04 * s)
    points = grow(
        roots, Surface(body), flow + 0.45 * roots.normals, length, lambda p, n, t: flow + 0.30 * n,
        _KNOTS, 0.25, lambda t: 0.0006 + 0.10 * t * length,
    )  # fmt: skip
    points = frizz(clump(points, rng, 10, 0.35), rng, 0.0007, 0.04)
    return _strands(roots, points, 1.25 * to_linear(hair.colour), 0.00030 * s / np.sqrt(share), rng, hair.grey)


def _strands(
    roots: Roots, points: np.ndarray, colour: np.ndarray, width: float, rng: np.random.Generator, grey: float
) -> Strands:
    count, knots = points.shape[:2]
    own = colour * np.exp(rng.normal(0, 0.18, (count, 1)))
    share = np.clip(grey + rng.normal(0, 0.22, count), 0, 1) * (grey > 0)
    own = own + share[:, None] * (_GREY - own)
    colours = np.empty((count, knots, 4), np.float32)
    colours[..., :3] = np.clip(own[:, None], 0, 1)
    colours[..., 3] = 0.5
    taper = 1 - 0.75 * np.linspace(0, 1, knots) ** 2
    normals = np.broadcast_to(roots.normals[:, None], points.shape)
    return Strands(
        points.astype(np.float32),
        normals.astype(np.float32),
        colours,
        (width * taper * rng.uniform(0.8, 1.2, (count, 1))).astype(np.float32),
        roots,
    )
