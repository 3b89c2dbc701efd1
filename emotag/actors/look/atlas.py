"""One picture for everything painted: where each surface lies in it, and what point of the rest pose each texel shows.

The left square holds the head's skin as seen from inside the skull, equal-area (Lambert's azimuthal projection, its
centre at the face, its rim behind the head); the square's corners hold the eyes and the mouth's colours. The right
half-square column holds the torso, unrolled about the axis through the shoulders.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emotag.actors.look.anatomy import MOUTH, Anatomy, Material
from emotag.head.mesh_render import rasterize

_CORNER = 0.146
"""Side of a square that fits into a corner outside the disc, of the disc's square."""
EYE_CORNER, MOUTH_CORNER = (0.0, 0.0), (1 - _CORNER, 0.0)
_EYE_SPAN = 1.1  # half width of what the eye's patch shows, eyeball radii
_TORSO_ASPECT = 0.5  # width of the torso's panel over its height
_TORSO_WIDTH = 0.62  # metres the panel's height stands for across the shoulders
_TORSO_ARC = (-65.0, 190.0)  # degrees about the shoulders' axis: front below … behind


@dataclass(frozen=True)
class Atlas:
    """Texture coordinates and the rest pose seen through them."""

    size: int  # texels, height
    width: int
    corners: np.ndarray  # (F, 3, 2) float32 texel coordinates of each face's corners
    skin: np.ndarray  # (H, H, 3) float32 rest position of each texel of the disc, dilated to all
    covered: np.ndarray  # (H, H) bool, texels that a face covers
    torso: np.ndarray | None  # (H, W − H, 3) rest positions of the torso's panel
    vertex_weights: tuple[np.ndarray, np.ndarray]  # (H, H) triangle, (H, H, 3) barycentric: to paint vertex values

    def painted(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:  # (V,) -> (H, H) float32
        """Spread a vertex value over the disc."""
        triangles, weights = self.vertex_weights
        return (values[faces[triangles]] * weights).sum(-1).astype(np.float32)

    def coarse(self, step: int) -> np.ndarray:  # (N, N, 3)
        """Rest positions at every `step`-th texel, for soft features."""
        return self.skin[::step, ::step]

    def spread(self, field: np.ndarray) -> np.ndarray:  # (N, N) at some step -> (H, H) float32
        """Bring a soft feature to full size."""
        step = -(-self.size // field.shape[0])
        grown = cv2.resize(field.astype(np.float32), None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        # Texel i of the coarse field stands for texel i · step, resize puts it at the middle of its block.
        shift = np.array([[1, 0, -(step - 1) / 2], [0, 1, -(step - 1) / 2]])
        size = (self.size, self.size)
        return np.asarray(cv2.warpAffine(grown, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    @property
    def eye(self) -> np.ndarray:  # (N, N, 2)
        """Offsets from the eye's axis (x, y up) in eyeball radii, at the texels of its patch."""
        span = np.linspace(-_EYE_SPAN, _EYE_SPAN, self.corner_texels)
        return np.stack(np.meshgrid(span, -span), axis=-1)

    @property
    def corner_texels(self) -> int:
        """Side of a corner patch."""
        return int(_CORNER * self.size)


def make_atlas(body: Anatomy, size: int) -> Atlas:
    """Lay out a head; `size` is the height of the atlas in texels."""
    corners = np.zeros((len(body.faces), 3, 2))
    skin = body.material == Material.SKIN
    corners[skin] = _disc(body.vertices - body.head_centre)[body.faces[skin]]
    patch = (int(_CORNER * size) - 1) / size
    for material, centre in zip((Material.LEFT_EYE, Material.RIGHT_EYE), body.eye_centres):
        offset = (body.vertices[body.faces[body.material == material]] - centre) / body.eye_radius
        place = 0.5 + np.stack((offset[..., 0], -offset[..., 1]), axis=-1) / (2 * _EYE_SPAN)
        corners[body.material == material] = np.array(EYE_CORNER) + patch * np.clip(place, 0, 1)
    for row, material in enumerate(MOUTH):
        faces = body.faces[body.material == material]
        if len(faces):
            corners[body.material == material] = _swatch(body.vertices, faces, row, patch)
    torso = body.material == Material.TORSO
    width = size
    if torso.any():
        width = size + int(size * _TORSO_ASPECT)
        corners[torso] = _panel(body)[body.faces[torso]]
    corners *= size
    image, covered, found = _positions(body, corners, skin, size, 0, size)
    panel = _positions(body, corners, torso, size, size, width - size)[0] if torso.any() else None
    return Atlas(size, width, corners.astype(np.float32), image, covered, panel, found)


def _disc(direction: np.ndarray) -> np.ndarray:  # (V, 3) -> (V, 2) in [0, 1]
    unit = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    radius = np.sqrt(np.clip((1 - unit[:, 2]) / 2, 0, 1))  # sin(θ / 2)
    flat = np.maximum(np.hypot(unit[:, 0], unit[:, 1]), 1e-9)
    return 0.5 + 0.5 * (radius / flat)[:, None] * np.stack((unit[:, 0], -unit[:, 1]), axis=1)


def _panel(body: Anatomy) -> np.ndarray:  # (V, 2) in units of the atlas's height
    """Torso: x across, angle about the shoulders' axis downwards in the picture from behind to the front's foot."""
    low, high = _TORSO_ARC
    base = body.vertices[np.unique(body.faces[body.material == Material.TORSO])]
    y, z = body.vertices[:, 1] - (base[:, 1].max() - 0.12 * body.scale), body.vertices[:, 2] - base[:, 2].mean()
    turn = (np.degrees(np.arctan2(y, z)) - low) % 360 + low
    across = 0.5 + body.vertices[:, 0] / _TORSO_WIDTH
    return np.stack((1 + _TORSO_ASPECT * np.clip(across, 0, 1), np.clip((high - turn) / (high - low), 0, 1)), axis=1)


def _swatch(vertices: np.ndarray, faces: np.ndarray, row: int, patch: float) -> np.ndarray:  # (N, 3, 2)
    """A quarter of the mouth's corner: x across, y up."""
    points = vertices[faces]
    low, high = points.min((0, 1)), points.max((0, 1))
    place = (points - low) / np.maximum(high - low, 1e-9)
    margin = 0.03
    u = margin + (1 - 2 * margin) * place[..., 0]
    v = (row + margin + (1 - 2 * margin) * (1 - place[..., 1])) / len(MOUTH)
    return np.array(MOUTH_CORNER) + patch * np.stack((u, v), axis=-1)


def _positions(
    body: Anatomy, corners: np.ndarray, chosen: np.ndarray, height: int, left: int, width: int
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Rasterise the rest pose in texture space; texels off the surface take the nearest texel's."""
    place = corners[chosen].copy()
    place[..., 0] -= left
    stretched = (np.ptp(place, axis=1) > 0.25 * height).any(1)  # across the rim, behind the head
    flat = np.concatenate((place.reshape(-1, 2), np.ones((place.size // 2, 1))), axis=1)
    raster = rasterize(flat, np.arange(len(flat)).reshape(-1, 3)[~stretched], height, width, cull=False)
    index = np.flatnonzero(chosen)[~stretched]
    missing = (~raster.hit).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(missing, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(raster.hit)
    source = np.zeros(label.max() + 1, dtype=np.int64)
    source[label[rows, columns]] = rows * width + columns
    nearest = source[label].ravel()
    triangles = index[np.maximum(raster.triangles, 0)].ravel()[nearest].reshape(height, width)
    weights = raster.weights.reshape(-1, 3)[nearest].reshape(height, width, 3)
    points = np.einsum("hwkc,hwk->hwc", body.vertices[body.faces[triangles]].astype(np.float32), weights)
    return points, raster.hit, (triangles, weights)
