"""A plain z-buffer renderer: image, triangle ids and barycentric weights of a triangle mesh."""

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

NO_TRIANGLE = -1


@dataclass(frozen=True)
class Raster:
    """What each pixel sees of a mesh."""

    triangles: np.ndarray  # (H, W) int32, NO_TRIANGLE where no surface is
    weights: np.ndarray  # (H, W, 3) float32 barycentric weights on the surface itself (perspective-correct)
    depth: np.ndarray  # (H, W) float32, inf where no surface is

    @property
    def hit(self) -> np.ndarray:
        """Pixels that see the mesh, (H, W) bool."""
        return self.triangles != NO_TRIANGLE


@dataclass(frozen=True)
class View:
    """A pinhole camera that looks at `target` from `distance`, turned by yaw and pitch about it.

    World axes as in emotag.camera: x right, y up, z towards the camera at yaw = pitch = 0. Positive yaw moves the
    camera to +x (it sees the person's left side), positive pitch moves it up.
    """

    yaw: float  # radians
    pitch: float  # radians
    target: tuple[float, float, float]  # metres
    distance: float  # metres from the target
    extent: float  # metres: height of what fills the image at the target's depth
    size: int  # pixels, square image

    def rotation(self) -> np.ndarray:  # (3, 3)
        """World → camera rotation with OpenCV axes (x right, y down, z forward)."""
        sin_y, cos_y = np.sin(self.yaw), np.cos(self.yaw)
        sin_p, cos_p = np.sin(self.pitch), np.cos(self.pitch)
        backward = np.array([sin_y * cos_p, sin_p, cos_y * cos_p])
        right = np.array([cos_y, 0.0, -sin_y])
        up = np.cross(backward, right)
        return np.stack((right, -up, -backward))

    def position(self) -> np.ndarray:  # (3,) metres
        """Where the camera stands."""
        return np.asarray(self.target) - self.distance * self.rotation()[2]

    def project(
        self,
        points: np.ndarray,  # (N, 3) metres
    ) -> np.ndarray:  # (N, 3): x px, y px, depth m
        """Project world points to continuous pixels and depth along the optical axis."""
        camera = (points - np.asarray(self.target)) @ self.rotation().T
        depth = camera[:, 2] + self.distance
        focal = self.size * self.distance / self.extent
        x = focal * camera[:, 0] / depth + self.size / 2
        y = focal * camera[:, 1] / depth + self.size / 2
        return np.stack((x, y, depth), axis=1)


def rasterize(
    projected: np.ndarray,  # (V, 3) x px, y px, depth m
    faces: np.ndarray,  # (F, 3)
    height: int,
    width: int,
    cull: bool = True,
) -> Raster:
    """Find the nearest triangle at every pixel centre; `cull` drops triangles seen from behind."""
    triangles = np.full((height, width), NO_TRIANGLE, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    _fill(
        np.ascontiguousarray(projected, np.float64),
        np.ascontiguousarray(faces, np.int64),
        cull,
        triangles,
        weights,
        depth,
    )
    return Raster(triangles, weights, depth)


@numba.njit(cache=True)
def _fill(projected, faces, cull, triangles, weights, depth):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for index in range(faces.shape[0]):
        ax, ay, az = projected[faces[index, 0]]
        bx, by, bz = projected[faces[index, 1]]
        cx, cy, cz = projected[faces[index, 2]]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        # Image y runs down, so a face that is counter-clockwise from outside has negative area here.
        if area == 0.0 or (cull and area > 0.0) or min(az, bz, cz) <= 0.0:
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                total = wa / az + wb / bz + wc / cz
                z = 1.0 / total
                if z < depth[row, column]:
                    depth[row, column] = z
                    triangles[row, column] = index
                    weights[row, column, 0] = wa / az * z
                    weights[row, column, 1] = wb / bz * z
                    weights[row, column, 2] = wc / cz * z


def vertex_normals(
    vertices: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
) -> np.ndarray:  # (V, 3) unit, zero for a vertex without area
    """Area-weighted vertex normals."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20)


def interpolate(
    raster: Raster,
    faces: np.ndarray,  # (F, 3)
    values: np.ndarray,  # (V, C)
) -> np.ndarray:  # (N, C) at the pixels of raster.hit
    """Interpolate vertex values at every pixel that sees the mesh."""
    hit = raster.hit
    corners = values[faces[raster.triangles[hit]]]  # (N, 3, C)
    return np.einsum("nkc,nk->nc", corners, raster.weights[hit])


def render(
    vertices: np.ndarray,  # (V, 3) metres
    faces: np.ndarray,  # (F, 3)
    paint: Callable[[Raster], np.ndarray],  # (N, 3) RGB in 0–1 of the pixels of raster.hit
    view: View,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    supersampling: int = 1,
) -> tuple[np.ndarray, Raster]:  # (size, size, 3) uint8 RGB; raster at size · supersampling
    """Render a mesh under ambient light, a headlight and a key light from above the camera."""
    size = view.size * supersampling
    projected = view.project(vertices)
    projected[:, :2] *= supersampling
    raster = rasterize(projected, faces, size, size)
    normals = vertex_normals(vertices, faces)
    towards = -view.rotation()[2]
    key = towards + _KEY_LIGHT
    key /= np.linalg.norm(key)
    diffuse = np.stack((normals @ key, normals @ towards), axis=1)
    light = _AMBIENT + np.clip(interpolate(raster, faces, diffuse), 0, 1) @ _DIFFUSE

    image = np.empty((size, size, 3))
    image[:] = background
    image[raster.hit] = paint(raster) * light[:, None]
    if supersampling > 1:
        image = image.reshape(view.size, supersampling, view.size, supersampling, 3).mean((1, 3))
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), raster


_AMBIENT = 0.40
_DIFFUSE = np.array([0.42, 0.20])  # key light, headlight
_KEY_LIGHT = np.array([0.25, 0.6, 0.0])
