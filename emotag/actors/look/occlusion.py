"""Light that a neutral head keeps from itself: precomputed radiance transfer over a sphere of directions.

From each direction the head is drawn into an orthographic depth map, as a shadow map; a vertex that lies behind it does
not see that direction. A frame then turns the lamps into the head's own axes and sums (Sloan et al. 2002, in the basis
of directions instead of spherical harmonics), so that brow, nose, chin and hair cast soft shadows for a small product.
"""

from dataclasses import dataclass

import numba
import numpy as np

from emotag.actors.look.light import Room, sphere
from emotag.actors.look.raster_kernels import rasterize

DIRECTIONS = 128
_MAP = 320  # samples of a shadow map's side
_BIAS = 0.0025  # metres
_REACH = 2.2  # samples about a point that a lookup may read
_BLUR = 10.0  # concentration that lamps are widened to, so that the directions sample them
_STRAND_LETS = 0.22  # light that passes a layer of hair
_STRAND_DEPTH = 0.012  # metres of hair that take the rest away


@dataclass(frozen=True)
class Transfer:
    """How much of each direction's light a vertex receives."""

    directions: np.ndarray  # (D, 3) rest axes
    received: np.ndarray  # (V, D) float32 visibility × cosine
    offered: np.ndarray  # (V, D) float32 cosine

    def only(self, which: np.ndarray) -> "Transfer":
        """Give some of the vertices."""
        return Transfer(self.directions, self.received[which], self.offered[which])

    def shade(self, room: Room, turn: np.ndarray, albedo: np.ndarray) -> np.ndarray:  # (3, 3), (3,) -> (V, 3) float32
        """Share of the unshadowed light left at each vertex when the head is turned, with light that skin hands on."""
        light = room.radiance(self.directions @ turn.T, _BLUR).astype(np.float32)
        left = (self.received @ light) / (self.offered @ light + np.float32(1e-6))
        left = np.minimum(left, np.float32(1.0))
        bounce = albedo.astype(np.float32)
        return left / (1 - bounce * (1 - left))


@dataclass(frozen=True)
class ShadowMaps:
    """Depth maps from every direction."""

    directions: np.ndarray  # (D, 3)
    right: np.ndarray  # (D, 3)
    up: np.ndarray  # (D, 3)
    middle: np.ndarray  # (3,)
    scale: float  # samples a metre
    solid: np.ndarray  # (D, N, N) float32 nearness to the light, metres
    hair: np.ndarray  # (D, N, N)


def shadow_maps(
    vertices: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
    strands: np.ndarray | None,  # (N, 3) points of hair
    extent: float,  # metres the maps cover
    middle: np.ndarray,  # (3,)
) -> ShadowMaps:
    """Draw the maps."""
    directions = sphere(DIRECTIONS)
    helper = np.where(np.abs(directions[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(helper, directions)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(directions, right)
    scale = _MAP / extent
    solid = np.full((DIRECTIONS, _MAP, _MAP), -np.inf, np.float32)
    hair = np.full((DIRECTIONS, _MAP, _MAP), -np.inf, np.float32)
    identity = np.empty((_MAP, _MAP), np.int32)
    corners = faces.astype(np.int32)
    for d in range(DIRECTIONS):
        axes = np.stack((right[d] * scale, -up[d] * scale, directions[d]), axis=1)
        shift = np.array([_MAP / 2, _MAP / 2, 0])
        rasterize(((vertices - middle) @ axes + shift).astype(np.float32), corners, solid[d], identity)
        if strands is not None:
            _splat(((strands - middle) @ axes + shift).astype(np.float32), hair[d])
    return ShadowMaps(directions, right, up, middle, scale, solid, hair)


def transfer(maps: ShadowMaps, points: np.ndarray, normals: np.ndarray) -> Transfer:
    """Precompute what vertices (V, 3) with normals (V, 3) receive."""
    cosine = np.maximum(normals @ maps.directions.T, 0).astype(np.float32)
    seen = visibility(maps, points, _BIAS, normals)
    return Transfer(maps.directions, seen * cosine, cosine)


def visibility(
    maps: ShadowMaps,
    points: np.ndarray,  # (N, 3)
    bias: float,  # metres
    normals: np.ndarray | None = None,  # (N, 3) of the surface that the points lie on
) -> np.ndarray:  # (N, D) float32
    """How much of each direction each point sees, 0–1.

    A surface seen at a grazing angle is steep in the map: there its points are moved out along their normals, by as
    much as a lookup reaches, so that it does not shade itself.
    """
    out = np.empty((len(points), DIRECTIONS), np.float32)
    relative = (points - maps.middle).astype(np.float32)
    for d in range(DIRECTIONS):
        axes = np.stack((maps.right[d] * maps.scale, -maps.up[d] * maps.scale, maps.directions[d]), axis=1)
        moved = relative
        if normals is not None:
            cosine = normals @ maps.directions[d]
            out_by = _REACH / maps.scale * np.sqrt(np.maximum(1 - cosine**2, 0))
            moved = relative + (out_by[:, None] * normals).astype(np.float32)
        _look(moved @ axes.astype(np.float32), maps.solid[d], maps.hair[d], np.float32(bias), out[:, d])
    return out


@numba.njit(cache=True, fastmath=False, nogil=True)
def _look(points, solid, hair, bias, out):  # type: ignore[no-untyped-def]
    size = solid.shape[0]
    for i in range(points.shape[0]):
        column, row = int(points[i, 0] + size * 0.5), int(points[i, 1] + size * 0.5)
        near = points[i, 2] + bias
        total = np.float32(0.0)
        for r in range(row - 1, row + 2):
            for c in range(column - 1, column + 2):
                if r < 0 or c < 0 or r >= size or c >= size:
                    total += np.float32(1.0)
                elif solid[r, c] <= near:
                    behind = hair[r, c] - near
                    if behind <= np.float32(0.0):
                        total += np.float32(1.0)
                    else:
                        passes = np.exp(-behind / np.float32(_STRAND_DEPTH))
                        total += np.float32(_STRAND_LETS) + np.float32(1 - _STRAND_LETS) * passes
        out[i] = total / np.float32(9.0)


@numba.njit(cache=True, nogil=True)
def _splat(points, hair):  # type: ignore[no-untyped-def]
    size = hair.shape[0]
    for i in range(points.shape[0]):
        column, row = int(points[i, 0]), int(points[i, 1])
        if 0 <= row < size and 0 <= column < size:
            hair[row, column] = max(hair[row, column], points[i, 2])
