"""One picture for everything painted: where each surface lies in it, and what point of the rest pose each texel shows.

The left square holds the head's skin as seen from inside the skull, equal-area (Lambert's azimuthal projection, its
centre at the face, its rim behind the head); the square's corners hold the eyes and the mouth's colours. The column
to its right holds the neck, unrolled about its axis, and below it the torso, unrolled about an axis through the
shoulders.
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
_COLUMN = 0.5  # width of the column of panels, of the square's side
_NECK_SHARE = 0.25  # of the column's height
_NECK_BELOW = 0.012  # metres under the chin at which the neck's panel begins
_NECK_HEIGHT = 0.075  # metres that the panel shows
_TORSO_WIDTH = 0.62  # metres that the torso's panel shows across the shoulders
_TORSO_ARC = (-65.0, 190.0)  # degrees about the shoulders' axis: front below … behind


@dataclass(frozen=True)
class Atlas:
    """Texture coordinates and the rest pose seen through them."""

    size: int  # texels of the square's side, the atlas's height
    corners: np.ndarray  # (F, 3, 2) float32 texel coordinates of each face's corners
    skin: np.ndarray  # (H, W, 3) float32 rest position that each texel shows; texels off the surface repeat others
    triangles: np.ndarray  # (H, W) the face that each texel shows
    weights: np.ndarray  # (H, W, 3) float32 barycentric

    @property
    def shape(self) -> tuple[int, int]:
        """Texels: height, width."""
        return self.skin.shape[0], self.skin.shape[1]

    def painted(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:  # (V,) -> (H, W) float32
        """Spread a vertex value over the skin."""
        return (values[faces[self.triangles]] * self.weights).sum(-1).astype(np.float32)

    def coarse(self, step: int) -> np.ndarray:  # (h, w, 3)
        """Rest positions at every `step`-th texel, for soft features."""
        return self.skin[::step, ::step]

    def spread(self, field: np.ndarray) -> np.ndarray:  # (h, w) at some step -> (H, W) float32
        """Bring a soft feature to full size."""
        step = -(-self.size // field.shape[0])
        grown = cv2.resize(field.astype(np.float32), None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        # Texel i of the coarse field stands for texel i · step, resize puts it at the middle of its block.
        shift = np.array([[1, 0, -(step - 1) / 2], [0, 1, -(step - 1) / 2]])
        size = self.shape[::-1]
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
    """Lay out a head; `size` is the height of the atlas in texels, a multiple of 8."""
    corners = np.zeros((len(body.faces), 3, 2))
    skin, torso = body.material == Material.SKIN, body.material == Material.TORSO
    neck_top = body.landmarks[8, 1] - _NECK_BELOW * body.scale
    neck = skin & (body.vertices[body.faces, 1].mean(1) < neck_top)
    disc = skin & ~neck
    corners[disc] = _disc(body.vertices - body.head_centre)[body.faces[disc]]
    corners[neck] = _neck(body, neck_top)[body.faces[neck]]
    corners[torso] = _torso(body)[body.faces[torso]] if torso.any() else 0
    patch = (int(_CORNER * size) - 1) / size
    for material, centre in zip((Material.LEFT_EYE, Material.RIGHT_EYE), body.eye_centres):
        offset = (body.vertices[body.faces[body.material == material]] - centre) / body.eye_radius
        place = 0.5 + np.stack((offset[..., 0], -offset[..., 1]), axis=-1) / (2 * _EYE_SPAN)
        corners[body.material == material] = np.array(EYE_CORNER) + patch * np.clip(place, 0, 1)
    for row, material in enumerate(MOUTH):
        faces = body.faces[body.material == material]
        if len(faces):
            corners[body.material == material] = _swatch(body.vertices, faces, row, patch)
    corners *= size
    column, split = int(_COLUMN * size), int(_NECK_SHARE * size)
    square = _shown(body, corners, disc, (0, 0), (size, size))
    panels = [_shown(body, corners, neck, (size, 0), (column, split))]
    panels.append(_shown(body, corners, torso, (size, split), (column, size - split)))
    right = [np.concatenate(parts) for parts in zip(*panels)]
    whole = [np.concatenate(parts, axis=1) for parts in zip(square, right)]
    return Atlas(size, corners.astype(np.float32), *whole)


def _disc(direction: np.ndarray) -> np.ndarray:  # (V, 3) -> (V, 2) in [0, 1]
    unit = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    radius = np.sqrt(np.clip((1 - unit[:, 2]) / 2, 0, 1))  # sin(θ / 2)
    flat = np.maximum(np.hypot(unit[:, 0], unit[:, 1]), 1e-9)
    return 0.5 + 0.5 * (radius / flat)[:, None] * np.stack((unit[:, 0], -unit[:, 1]), axis=1)


def _neck(body: Anatomy, top: float) -> np.ndarray:  # (V, 2) in units of the atlas's height
    """Neck: angle about its axis across, the seam behind; height down."""
    around = np.arctan2(body.vertices[:, 0], body.vertices[:, 2] - body.neck_axis) / (2 * np.pi)
    down = (top + 0.008 * body.scale - body.vertices[:, 1]) / (_NECK_HEIGHT * body.scale)
    return np.stack((1 + _COLUMN * (0.5 + around), _NECK_SHARE * np.clip(down, 0, 1)), axis=1)


def _torso(body: Anatomy) -> np.ndarray:  # (V, 2) in units of the atlas's height
    """Torso: x across; angle about the shoulders' axis, from behind down to the front's foot."""
    low, high = _TORSO_ARC
    base = body.vertices[np.unique(body.faces[body.material == Material.TORSO])]
    y, z = body.vertices[:, 1] - (base[:, 1].max() - 0.12 * body.scale), body.vertices[:, 2] - base[:, 2].mean()
    turn = (np.degrees(np.arctan2(y, z)) - low) % 360 + low
    across = 1 + _COLUMN * np.clip(0.5 + body.vertices[:, 0] / _TORSO_WIDTH, 0, 1)
    down = np.clip((high - turn) / (high - low), 0, 1)
    return np.stack((across, _NECK_SHARE + (1 - _NECK_SHARE) * down), axis=1)


def _swatch(vertices: np.ndarray, faces: np.ndarray, row: int, patch: float) -> np.ndarray:  # (N, 3, 2)
    """A quarter of the mouth's corner: x across, y up."""
    points = vertices[faces]
    low, high = points.min((0, 1)), points.max((0, 1))
    place = (points - low) / np.maximum(high - low, 1e-9)
    margin = 0.03
    u = margin + (1 - 2 * margin) * place[..., 0]
    v = (row + margin + (1 - 2 * margin) * (1 - place[..., 1])) / len(MOUTH)
    return np.array(MOUTH_CORNER) + patch * np.stack((u, v), axis=-1)


def _shown(
    body: Anatomy, corners: np.ndarray, chosen: np.ndarray, corner: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (h, w, 3), (h, w), (h, w, 3)
    """What each texel of a panel (left, top; width, height) shows; texels off the surface take the nearest one's."""
    width, height = size
    index = np.flatnonzero(chosen)
    place = corners[chosen] - corner
    stretched = (np.ptp(place, axis=1) > 0.25 * width).any(1)  # across a seam, behind the head
    index, place = index[~stretched], place[~stretched]
    if not len(index):
        points = np.broadcast_to(body.head_centre.astype(np.float32), (height, width, 3))
        return points, np.zeros((height, width), np.int64), np.zeros((height, width, 3), np.float32)
    flat = np.concatenate((place.reshape(-1, 2), np.ones((place.size // 2, 1))), axis=1)
    raster = rasterize(flat, np.arange(len(flat)).reshape(-1, 3), height, width, cull=False)
    missing = (~raster.hit).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(missing, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(raster.hit)
    source = np.zeros(label.max() + 1, dtype=np.int64)
    source[label[rows, columns]] = rows * width + columns
    nearest = source[label].ravel()
    triangles = index[np.maximum(raster.triangles, 0)].ravel()[nearest].reshape(height, width)
    weights = raster.weights.reshape(-1, 3)[nearest].reshape(height, width, 3)
    points = np.einsum("hwkc,hwk->hwc", body.vertices[body.faces[triangles]].astype(np.float32), weights)
    return points, triangles, weights
