"""A rendered frame and the truth about it."""

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from emotag.actors.look.anatomy import Material
from emotag.actors.look.kernel_options import KERNEL
from emotag.actors.look.shading_kernels import SAME, Canvas, Posed, weights_at

_TORSO = int(Material.TORSO)
_SHARP = 0.15  # pixels: less blur than this is none
f32 = np.float32


@dataclass(frozen=True)
class Truth:
    """What is seen at each pixel. Geometry is of the nearest surface, hair and cloth included."""

    person: np.ndarray  # (H, W) uint8 alpha of everything but the backdrop
    head: np.ndarray  # (H, W) uint8 alpha of head, hair and neck, without the torso
    depth: np.ndarray  # (H, W) float32 metres along the optical axis, 0 where nobody is
    normal: np.ndarray  # (H, W, 3) float32 unit, world axes (as emotag.perception.geometry), 0 where nobody is


@dataclass(frozen=True)
class Frame:
    """A rendered picture."""

    rgb: np.ndarray  # (H, W, 3) uint8
    truth: Truth | None = None


def soften(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The lens: a Gaussian blur of a float32 picture; `sigma` in pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma)) if sigma > _SHARP else picture


def truth_maps(canvas: Canvas, posed: Posed, nearness: np.ndarray, identity: np.ndarray, sigma: float) -> Truth:
    """Read the maps off the sample buffers; alphas are softened as the colours are."""
    height, width = canvas.backdrop.shape[:2]
    person, head = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    depth, normal = np.empty((height, width), np.float32), np.empty((height, width, 3), np.float32)
    _read(canvas, posed, nearness, identity, person, head, depth, normal)
    levels = [np.rint(soften(alpha, sigma)).astype(np.uint8) for alpha in (person, head)]
    return Truth(levels[0], np.minimum(levels[1], levels[0]), depth, normal)


@numba.njit(**KERNEL)
def _read(canvas, posed, nearness, identity, person, head, depth, normal):  # type: ignore[no-untyped-def]
    n_faces = canvas.faces.shape[0]
    for row in range(person.shape[0]):
        for column in range(person.shape[1]):
            hits, own, best, least, total, found = 0, 0, f32(0.0), f32(1e30), f32(0.0), -1
            for k in range(4):
                r, c = 2 * row + (k >> 1), 2 * column + (k & 1)
                seen = identity[r, c]
                if seen < 0:
                    continue
                hits += 1
                if seen >= n_faces or canvas.material[seen] != _TORSO:
                    own += 1
                total += nearness[r, c]
                least = min(least, nearness[r, c])
                if nearness[r, c] > best:
                    best, found = nearness[r, c], seen
            person[row, column], head[row, column] = f32(63.75) * f32(hits), f32(63.75) * f32(own)
            x, y, z = f32(0.0), f32(0.0), f32(0.0)
            # The four samples lie evenly about the pixel's centre: on one surface their mean is the centre's.
            near = total * f32(0.25) if hits == 4 and best < least * SAME else best
            depth[row, column] = f32(1.0) / near if hits > 0 else f32(0.0)
            if found >= n_faces:
                segment = found - n_faces
                x, y, z = posed.hair[segment, 3], posed.hair[segment, 4], posed.hair[segment, 5]
            elif found >= 0:
                a, b, c = canvas.faces[found, 0], canvas.faces[found, 1], canvas.faces[found, 2]
                wa, wb, wc, _ = weights_at(posed.points, a, b, c, f32(2 * column + 1), f32(2 * row + 1))
                n = posed.normals
                x = wa * n[a, 0] + wb * n[b, 0] + wc * n[c, 0]
                y = wa * n[a, 1] + wb * n[b, 1] + wc * n[c, 1]
                z = wa * n[a, 2] + wb * n[b, 2] + wc * n[c, 2]
            scale = f32(1.0) / np.sqrt(x * x + y * y + z * z + f32(1e-20))
            normal[row, column, 0], normal[row, column, 1], normal[row, column, 2] = x * scale, y * scale, z * scale
