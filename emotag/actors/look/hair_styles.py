"""The styles: how the strands of each grow. Every function gives points (N, K, 3) for roots on the scalp."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.look import Hair
from emotag.actors.look.noise import smoothstep
from emotag.actors.look.strands import Roots, Surface, clump, cut, frizz, grow, scatter, unit, waves

DOWN = np.array([0.0, -1.0, 0.0])
_LONG_KNOTS, _SHORT_KNOTS = 22, 9
_NO_SIDEBURNS = ("bob", "long", "bun", "ponytail")


@dataclass(frozen=True)
class Comb:
    """What a style grows from."""

    body: Anatomy
    hair: Hair
    surface: Surface
    roots: Roots
    rng: np.random.Generator

    @property
    def scale(self) -> float:
        """Of the head."""
        return self.body.scale

    def uneven(self, spread: float) -> np.ndarray:  # (N,)
        """A length factor about 1 for each strand."""
        return np.clip(self.rng.normal(1, spread, len(self.roots)), 0.4, 1.6)

    def top(self) -> np.ndarray:  # (N,)
        """1 on top of the head, 0 at its sides and the nape."""
        height = self.roots.points[:, 1]
        low = self.body.ear_top + 0.004 * self.scale
        return smoothstep(height, low, low + 0.050 * self.scale)


def short(comb: Comb) -> np.ndarray:
    """Cropped at the sides, a few centimetres on top, brushed forwards."""
    s, volume = comb.scale, comb.hair.volume
    top = comb.top()
    length = ((0.007 + 0.006 * comb.hair.length) * (1 - top) + (0.018 + 0.030 * comb.hair.length) * top) * s
    side = np.sign(comb.hair.part) * 0.35
    forward = np.array([side, -0.15, 1.0]) * top[:, None] + np.array([0, -1.0, -0.15]) * (1 - top[:, None])
    lift = (0.75 + 0.9 * volume) * top + 0.45 * (1 - top)
    start = unit(forward) + lift[:, None] * comb.roots.normals
    points = grow(
        comb.roots, comb.surface, start, length * comb.uneven(0.18),
        lambda p, n, t: forward + (0.55 - 0.6 * t) * n,
        _SHORT_KNOTS, 0.16, lambda t: 0.0008 + 0.004 * t,
    )  # fmt: skip
    points = clump(points, comb.rng, 14, 0.45)
    points = waves(points, comb.rng, 0.006 * comb.hair.wave * s, 0.022 * s, 0.5)
    return frizz(points, comb.rng, 0.0011, 0.03)


def side_part(comb: Comb) -> np.ndarray:
    """Combed over from a parting."""
    s, part = comb.scale, comb.hair.part * 0.030 * comb.scale
    away, top = np.where(comb.roots.points[:, 0] > part, 1.0, -1.0), comb.top()
    length = (0.020 * (1 - top) + (0.055 + 0.035 * comb.hair.length) * top) * s
    flow = np.stack((away * (0.45 + 0.55 * top), -0.75 * (1 - top) - 0.05, -0.35 - 0.2 * (1 - top)), axis=1)
    front = smoothstep(comb.roots.points[:, 2], 0.03 * s, 0.065 * s) * top
    height = (0.004 + 0.016 * comb.hair.volume * (0.4 + 0.6 * front)) * s * top + 0.0015
    start = 0.7 * flow + (0.35 + 1.1 * comb.hair.volume * top)[:, None] * comb.roots.normals
    points = grow(
        comb.roots, comb.surface, start, length * comb.uneven(0.10), lambda p, n, t: flow + 0.4 * DOWN * t,
        14, 0.30, lambda t: height * np.sin(np.pi * min(t + 0.12, 0.75)) * 0.7,
        lambda t: 0.001 + height * 1.15 * np.sin(np.pi * min(t + 0.2, 0.7)) + 0.002,
    )  # fmt: skip
    points = clump(points, comb.rng, 16, 0.55)
    points = waves(points, comb.rng, 0.006 * comb.hair.wave * s, 0.05 * s, 0.3)
    return frizz(points, comb.rng, 0.0009, 0.02)


def swept_back(comb: Comb) -> np.ndarray:
    """Combed straight back, higher at the front."""
    s, top = comb.scale, comb.top()
    length = (0.025 * (1 - top) + (0.070 + 0.045 * comb.hair.length) * top) * s
    out = 0.25 * np.sign(comb.roots.points[:, 0]) * np.minimum(np.abs(comb.roots.points[:, 0]) / (0.05 * s), 1)
    flow = np.stack((out, -0.5 * (1 - top), -1.0 * np.ones(len(top))), axis=1)
    front = smoothstep(comb.roots.points[:, 2], 0.02 * s, 0.07 * s)
    height = (0.004 + 0.026 * comb.hair.volume * front * top) * s
    start = 0.6 * flow + (0.4 + 1.6 * comb.hair.volume * front * top)[:, None] * comb.roots.normals
    points = grow(
        comb.roots, comb.surface, start, length * comb.uneven(0.08), lambda p, n, t: flow,
        14, 0.26, lambda t: 0.7 * height * np.sin(np.pi * min(t + 0.15, 0.75)), lambda t: height * 1.2 + 0.002,
    )  # fmt: skip
    points = clump(points, comb.rng, 18, 0.6)
    points = waves(points, comb.rng, 0.005 * comb.hair.wave * s, 0.05 * s, 0.3)
    return frizz(points, comb.rng, 0.0008, 0.02)


def curly(comb: Comb) -> np.ndarray:
    """A cloud of coils."""
    s, top = comb.scale, comb.top()
    length = (0.026 + 0.044 * comb.hair.length) * (0.55 + 0.45 * top) * s
    points = grow(
        comb.roots, comb.surface, comb.roots.normals + 0.25 * comb.rng.standard_normal((len(top), 3)),
        length * comb.uneven(0.14), lambda p, n, t: n * (0.5 + 0.6 * comb.hair.volume) + 0.45 * DOWN,
        _LONG_KNOTS, 0.10, lambda t: 0.002 + 0.3 * t * length,
    )  # fmt: skip
    points = clump(points, comb.rng, 22, 0.65)
    points = waves(points, comb.rng, (0.0028 + 0.0035 * comb.hair.wave) * s, 0.017 * s, 0.9, 0.02)
    return frizz(points, comb.rng, 0.0022, 0.04)


def fringe(comb: Comb) -> np.ndarray:
    """Falls from the crown in every direction; trimmed above the brows."""
    s, body = comb.scale, comb.body
    whorl = np.array([0.008 * np.sign(comb.hair.part), body.crown, -0.030 * s])
    away = comb.roots.points - whorl
    away[:, 1] = 0
    top = comb.top()[:, None]
    flow = (unit(away) + 0.25 * np.sign(comb.hair.part) * np.array([1.0, 0, 0])) * top + DOWN * (1 - top)
    height = (0.004 + 0.012 * comb.hair.volume) * s
    length = np.full(len(flow), 0.19) * s
    points = grow(
        comb.roots, comb.surface, 0.6 * flow + (0.3 + 0.5 * comb.hair.volume) * comb.roots.normals,
        length, lambda p, n, t: 0.55 * flow + 1.1 * DOWN * np.minimum(2 * t, 1), _LONG_KNOTS, 0.25,
        lambda t: height * (0.35 + 0.65 * np.sin(np.pi * min(0.5 * t + 0.1, 0.5))), lambda t: height * 1.3 + 0.002,
    )  # fmt: skip
    brow = body.landmarks[17:27, 1].max()
    line = PchipInterpolator(
        [0, 30, 50, 66, 80, 100, 125, 180],
        [
            brow + 0.006 * s, brow + 0.002 * s, brow - 0.010 * s, body.ear_top - 0.020 * s,
            body.ear_top - 0.016 * s, body.ear_top - 0.020 * s, body.ear_bottom - 0.008 * s,
            body.ear_bottom - 0.035 * s,
        ],
    )  # fmt: skip
    points = trimmed(comb, points, lambda p: line(body.azimuth(p)), 0.0045 * s)
    points = clump(points, comb.rng, 18, 0.55)
    points = waves(points, comb.rng, 0.006 * comb.hair.wave * s, 0.06 * s, 0.3)
    return frizz(points, comb.rng, 0.0009, 0.02)


def bob(comb: Comb) -> np.ndarray:
    """Parted, falling to the jaw, tips turned in."""
    end = comb.body.chin[1] + (0.028 - 0.045 * comb.hair.length) * comb.scale
    return _falling(comb, end, 0.23 * comb.scale, inwards=0.8)


def long(comb: Comb) -> np.ndarray:
    """Parted, falling over the shoulders."""
    end = comb.body.chin[1] - (0.070 + 0.080 * comb.hair.length) * comb.scale
    return _falling(comb, end, 0.36 * comb.scale, inwards=0.1)


def _falling(comb: Comb, end: float, length: float, inwards: float) -> np.ndarray:
    """Hair that flows away from a parting, clears the face, and hangs."""
    s, body, volume = comb.scale, comb.body, comb.hair.volume
    part = comb.hair.part * 0.026 * s
    root = comb.roots.points
    away = np.where(root[:, 0] > part + comb.rng.normal(0, 0.0012, len(root)), 1.0, -1.0)
    front = smoothstep(root[:, 2], 0.0, 0.06 * s)
    top = comb.top()[:, None]
    over = np.stack((away, -0.15 * np.ones(len(root)), -0.55 * front), axis=1) * top
    over += (DOWN + np.array([0, 0, -0.35])) * (1 - top)
    height = (0.008 + 0.016 * volume) * s
    edge = body.landmarks[16, 0] * 0.97

    def pull(place: np.ndarray, outward: np.ndarray, share: float) -> np.ndarray:
        beside = smoothstep(np.abs(place[:, 0]), 0.55 * edge, 1.0 * edge)[:, None]
        fall = DOWN + np.stack((np.zeros(len(place)), np.zeros(len(place)), -0.28 * (place[:, 2] > 0.005 * s)), axis=1)
        low = smoothstep(place[:, 1], body.ear_bottom, end)[:, None]
        turn = inwards * low**2 * np.stack((-away, np.zeros(len(place)), -0.2 * np.ones(len(place))), axis=1)
        behind = smoothstep(place[:, 2], -0.03 * s, -0.06 * s)[:, None]
        return np.where(behind > 0.5, 0.35 * over, over) * (1 - beside) + fall * np.maximum(beside, 0.6 * behind) + turn

    depth = comb.rng.uniform(0.25, 1.0, len(root))
    points = grow(
        comb.roots, comb.surface, 0.8 * over + (0.10 + 0.35 * volume) * comb.roots.normals,
        np.full(len(root), length), pull, _LONG_KNOTS + 4, 0.34,
        lambda t: height * (0.25 + 0.75 * min(4 * t, 1)) * depth,
        lambda t: height * (0.5 + 0.9 * min(4 * t, 1)) + 0.002 + 0.05 * t * s,
    )  # fmt: skip
    points = trimmed(comb, points, lambda p: end + 0 * p[..., 0], 0.008 * s)
    points = clump(points, comb.rng, 20, 0.30)
    points = waves(points, comb.rng, 0.010 * comb.hair.wave * s, 0.075 * s, 0.35, 0.05)
    return frizz(points, comb.rng, 0.0013, 0.02)


def trimmed(
    comb: Comb, points: np.ndarray, line: Callable[[np.ndarray], np.ndarray], uneven: float
) -> np.ndarray:  # (N, K, 3)
    """Cut strands where they first fall below a line (..., 3) -> (...) heights."""
    knots = points.shape[1]
    below = points[..., 1] < line(points) + comb.rng.normal(0, uneven, len(points))[:, None]
    below[:, :2] = False
    first = np.where(below.any(1), below.argmax(1), knots - 1)
    return cut(points, first / (knots - 1))


def tied(comb: Comb) -> np.ndarray:
    """Drawn tightly to a knot at the back of the head."""
    s, knot = comb.scale, knot_place(comb.body, comb.hair)
    gap = np.linalg.norm(comb.roots.points - knot, axis=1)
    height = (0.0025 + 0.008 * comb.hair.volume) * s
    points = grow(
        comb.roots, comb.surface, unit(knot - comb.roots.points) + 0.3 * comb.roots.normals,
        1.18 * gap, lambda p, n, t: knot - p, 18, 0.45,
        lambda t: height * min(0.25 + 3 * t, 1) * comb.uneven(0.15), lambda t: height * 1.4 + 0.002,
    )  # fmt: skip
    points = clump(points, comb.rng, 20, 0.35)
    points = waves(points, comb.rng, 0.003 * comb.hair.wave * s, 0.06 * s, 0.3)
    return frizz(points, comb.rng, 0.0007, 0.025)


def knot_place(body: Anatomy, hair: Hair) -> np.ndarray:  # (3,)
    """Where a bun or a ponytail is tied."""
    s = body.scale
    skull = body.vertices[body.vertices[:, 1] > body.ear_bottom]
    back = float(skull[:, 2].min())
    if hair.style == "bun":
        return np.array([0.0, body.crown - 0.008 * s, back + 0.026 * s])
    return np.array([0.0, body.crown - 0.040 * s, back - 0.006 * s])


def bun(comb: Comb, count: int) -> np.ndarray:
    """Coils of the bun itself (count, K, 3)."""
    s, knot = comb.scale, knot_place(comb.body, comb.hair)
    radius = (0.024 + 0.010 * comb.hair.length) * s
    axis = unit(np.array([0.0, 0.75, -0.65]))
    right = np.array([1.0, 0.0, 0.0])
    ahead = np.cross(axis, right)
    around = comb.rng.uniform(0, 2 * np.pi, (count, 1)) + np.linspace(0, 1.6, _LONG_KNOTS)
    tube = comb.rng.uniform(0, 2 * np.pi, (count, 1)) + 1.1 * np.linspace(0, 1.6, _LONG_KNOTS)
    fat = radius * 0.62 * comb.rng.uniform(0.9, 1.06, (count, 1))
    ring = radius * 0.55 + fat * np.cos(tube)
    flat = np.cos(around)[..., None] * right + np.sin(around)[..., None] * ahead
    points = knot + ring[..., None] * flat + (fat * np.sin(tube) + 0.5 * radius)[..., None] * axis
    return frizz(points, comb.rng, 0.0008, 0.03)


def ponytail(comb: Comb, count: int) -> np.ndarray:
    """The tail (count, K, 3): out of the knot, then down."""
    s, knot = comb.scale, knot_place(comb.body, comb.hair)
    length = (0.15 + 0.12 * comb.hair.length) * s
    share = np.linspace(0, 1, _LONG_KNOTS)
    turn, reach = comb.rng.uniform(0, 2 * np.pi, count), np.sqrt(comb.rng.random(count))
    spread = np.stack((np.cos(turn), 0 * turn, np.sin(turn)), axis=1) * (0.022 * s * reach)[:, None]
    swell = (0.35 + 1.3 * np.sin(np.pi * np.minimum(share * 0.9 + 0.1, 1)))[:, None]
    path = np.stack((0.10 * share, 0.02 * np.sin(4 * share) - share**1.4, -0.35 * np.sqrt(share) + 0.1 * share), axis=1)
    points = knot + length * path + spread[:, None] * swell
    points = waves(points, comb.rng, 0.010 * comb.hair.wave * s, 0.07 * s, 0.4)
    return frizz(points, comb.rng, 0.0015, 0.04)


def rooted(body: Anatomy, hair: Hair, count: int, rng: np.random.Generator) -> Roots:
    """Scatter roots within the hairline, thinner at its border."""
    ears = body.ears

    def density(points: np.ndarray) -> np.ndarray:
        return body.scalp(points, hair.hairline, 0.0055 * body.scale)

    roots = scatter(body, density, count, rng)
    on_ear = (ears[body.faces[roots.face]] * roots.weights).sum(1) > 0.15
    azimuth = body.azimuth(roots.points)
    sideburn = (azimuth > 56) & (azimuth < 92) & (roots.points[:, 1] < body.ear_top + 0.004 * body.scale)
    return roots.chosen(~on_ear & ~(sideburn & (hair.style in _NO_SIDEBURNS)))
