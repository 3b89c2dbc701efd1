"""Strands of hair: what they are, where they root, and how they grow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from emotag.actors.look.anatomy import Anatomy, Material
from emotag.head.surface import nearest_on_surface

Points = np.ndarray
"""(N, 3)."""
Pull = Callable[[Points, Points, float], Points]
"""Where strands turn to at (points, outward normals, share of the length): directions (N, 3), not normalised."""


@dataclass(frozen=True)
class Roots:
    """Places on the skin."""

    points: np.ndarray  # (N, 3)
    normals: np.ndarray  # (N, 3)
    face: np.ndarray  # (N,) index into the mesh's faces
    weights: np.ndarray  # (N, 3) barycentric

    def __len__(self) -> int:
        return len(self.points)

    def chosen(self, which: np.ndarray) -> "Roots":
        """Give some of them."""
        return Roots(self.points[which], self.normals[which], self.face[which], self.weights[which])


@dataclass(frozen=True)
class Strands:
    """Hairs (or locks as thick as a hair looks) in the rest pose."""

    points: np.ndarray  # (N, K, 3) float32
    normals: np.ndarray  # (N, K, 3) float32 outwards, of the surface that the hair makes up
    colours: np.ndarray  # (N, K, 4) float32 linear, and the share of highlights
    widths: np.ndarray  # (N, K) float32 metres
    roots: Roots | None  # of strands that follow their triangle; None: they follow the skull
    shown: np.ndarray | None = None  # (N, K) uint8: bit v is set where the segment that ends there shows in view v

    @property
    def segments(self) -> int:
        """How many lines they are drawn with."""
        return self.points.shape[0] * (self.points.shape[1] - 1)


class Surface:
    """The outer skin as a field: how far outside a point is, and which way is out."""

    def __init__(self, body: Anatomy) -> None:
        faces = body.faces[body.outer]
        corners = body.vertices[faces]
        middles = corners.mean(1)
        middle_normals = body.normals[faces].mean(1)
        used = np.unique(faces)
        self._points = np.concatenate((body.vertices[used], middles))
        self._normals = np.concatenate((body.normals[used], middle_normals))
        self._tree = cKDTree(self._points)

    def look(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (N, 3) -> (N,), (N, 3)
        """Signed distance (metres, outside positive) and unit direction outwards."""
        distance, index = self._tree.query(points, k=4)
        weight = 1 / np.maximum(distance, 1e-4)
        weight /= weight.sum(1, keepdims=True)
        normal = (self._normals[index] * weight[..., None]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        foot = (self._points[index] * weight[..., None]).sum(1)
        signed = ((points - foot) * normal).sum(1)
        return signed, normal


def scatter(
    body: Anatomy,
    density: Callable[[np.ndarray], np.ndarray],  # (N, 3) -> (N,) probability
    count: int,
    rng: np.random.Generator,
    within: tuple[np.ndarray, np.ndarray] | None = None,  # corners of a box that holds all of it
) -> Roots:
    """Scatter roots over the skin of the head, `count` tries that the density thins."""
    chosen = body.material == Material.SKIN
    corners = body.vertices[body.faces]
    if within is not None:
        middle = corners.mean(1)
        chosen = chosen & ((middle > within[0]) & (middle < within[1])).all(1)
    index = np.flatnonzero(chosen)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)[index]
    likely = area * (density(corners[index].mean(1)) + 0.02)
    tries = rng.choice(index, size=count, p=likely / likely.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), size=count)
    points = np.einsum("nk,nkc->nc", weights, corners[tries])
    # The choice of faces has taken the density at their middles into account: only what it misses is thinned here.
    keep = rng.random(count) < density(points) / (density(corners[tries].mean(1)) + 0.02)
    return roots_at(body, tries[keep], weights[keep])


def roots_at(body: Anatomy, face: np.ndarray, weights: np.ndarray) -> Roots:
    """Give roots by face (N,) and barycentric weights (N, 3)."""
    points = np.einsum("nk,nkc->nc", weights, body.vertices[body.faces[face]])
    normal = np.einsum("nk,nkc->nc", weights, body.normals[body.faces[face]])
    return Roots(points, normal / np.linalg.norm(normal, axis=1, keepdims=True), face, weights)


def roots_near(body: Anatomy, points: np.ndarray) -> Roots:
    """Give the places on the head's skin nearest to points (N, 3)."""
    index = np.flatnonzero(body.material == Material.SKIN)
    face, weights = nearest_on_surface(points, body.vertices, body.faces[index])
    return roots_at(body, index[face], weights)


def grow(
    roots: Roots,
    surface: Surface,
    start: np.ndarray,  # (N, 3) first direction
    length: np.ndarray,  # (N,) metres
    pull: Pull,
    knots: int,
    bend: float,  # 0 keeps its direction … 1 turns at once to where it is pulled
    floor: Callable[[float], float | np.ndarray],  # metres it keeps from the skin, by share of the length
    ceiling: Callable[[float], float | np.ndarray] | None = None,  # metres it stays within
) -> np.ndarray:  # (N, knots, 3)
    """Grow strands over the skin."""
    place = roots.points + 0.0004 * roots.normals
    direction = unit(start)
    out = np.empty((len(roots), knots, 3))
    out[:, 0] = place
    outward = roots.normals
    for knot in range(1, knots):
        share = knot / (knots - 1)
        direction = unit(direction * (1 - bend) + bend * unit(pull(place, outward, share)))
        place = place + direction * (length / (knots - 1))[:, None]
        gap, outward = surface.look(place)
        least = np.broadcast_to(floor(share), gap.shape)
        shift = np.where(gap < least, least - gap, 0)
        if ceiling is not None:
            most = np.maximum(np.broadcast_to(ceiling(share), gap.shape), least)
            shift = np.where(gap > most, most - gap, shift)
        place = place + shift[:, None] * outward
        out[:, knot] = place
    return out


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def cut(points: np.ndarray, length: np.ndarray) -> np.ndarray:  # (N, K, 3), (N,) share of the length kept
    """Shorten strands and spread their knots again."""
    knots = points.shape[1]
    place = np.clip(length, 0.02, 1)[:, None] * np.arange(knots)
    low = np.minimum(place.astype(int), knots - 2)
    rest = (place - low)[..., None]
    rows = np.arange(len(points))[:, None]
    return points[rows, low] * (1 - rest) + points[rows, low + 1] * rest


def clump(points: np.ndarray, rng: np.random.Generator, size: int, amount: float) -> np.ndarray:
    """Draw strands together towards their tips, in locks of about `size`."""
    count = max(len(points) // size, 1)
    leaders = rng.choice(len(points), count, replace=False)
    # Neighbours at the root may part ways: a lock holds strands that are near at their middle and tip as well.
    ways = points[:, [0, points.shape[1] // 2, -1]].reshape(len(points), -1)
    nearest = cKDTree(ways[leaders]).query(ways)[1]
    share = np.linspace(0, 1, points.shape[1])[:, None] ** 0.8
    return points + amount * share * (points[leaders][nearest] - points)


def waves(
    points: np.ndarray,  # (N, K, 3)
    rng: np.random.Generator,
    radius: float,  # metres
    period: float,  # metres along the strand
    spread: float,  # of phases, radians
    coherent: float = 0.03,  # metres over which neighbours share their phase
) -> np.ndarray:
    """Coil strands: a helix whose radius grows from nothing at the root."""
    step = np.linalg.norm(np.diff(points, axis=1), axis=2)
    along = np.concatenate((np.zeros((len(points), 1)), np.cumsum(step, axis=1)), axis=1)
    tangent = unit(np.gradient(points, axis=1))
    helper = unit(np.cross(tangent, np.array([0.31, 0.22, 0.93])))
    other = np.cross(tangent, helper)
    wave = 2 * np.pi / coherent * unit(rng.standard_normal((3, 3)))
    phase = np.sin(points[:, 0] @ wave.T).sum(1) * 2 + rng.normal(0, spread, len(points))
    turn = 2 * np.pi * along / period + phase[:, None]
    grown = np.minimum(along / (0.7 * period), 1) * radius * rng.uniform(0.6, 1.3, len(points))[:, None]
    return points + grown[..., None] * (np.cos(turn)[..., None] * helper + np.sin(turn)[..., None] * other)


def frizz(points: np.ndarray, rng: np.random.Generator, amount: float, stray: float) -> np.ndarray:
    """Let every strand stray a little from its lock, and a few far."""
    count, knots = points.shape[:2]
    share = np.linspace(0, 1, knots)[:, None]
    drift = rng.standard_normal((count, 1, 3)) * share + 0.5 * rng.standard_normal((count, 1, 3)) * np.sin(
        share * rng.uniform(3, 9, (count, 1, 1))
    )
    scale = np.where(rng.random(count) < stray, 4.0, 1.0) * amount
    return points + drift * scale[:, None, None]
