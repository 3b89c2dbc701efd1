"""Depth and normals rendered from the tracked head mesh: the open engine."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

from emotag.errors import InputError
from emotag.head.mesh_render import rasterize, vertex_normals
from emotag.head.model import HeadModel
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.surface import surface_faces
from emotag.perception.tracking.track import Track


class TrackedMesh:
    """Renders the posed head, without the mouth's interior, into depth (metres) and normals (world axes)."""

    engine = "tracked-mesh"
    relative = False

    def __init__(
        self,
        head: HeadModel,
        track: Track,
        digest: str,  # of the head model
        offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
    ) -> None:
        self.digest = digest
        self._head, self._track, self._offset = head, track, offset
        self._faces = head.faces.numpy()
        self._surface = surface_faces(head)

    def metadata(self) -> dict[str, Any]:
        """Give the engine and the digest of the head model."""
        return {"engine": self.engine, "digest": self.digest}

    def sequence(
        self,
        images: Iterable[np.ndarray],  # each (H, W, 3), only their size is used
    ) -> Iterator[Geometry]:
        """See GeometryEstimator.sequence."""
        for frame, image in enumerate(images):
            if frame >= len(self._track):
                raise InputError(f"the track has {len(self._track)} frames, the crop has more; run `track` again")
            yield self.estimate(frame, image)

    def estimate(
        self,
        frame: int,
        image: np.ndarray,  # (H, W, 3), only its size is used
    ) -> Geometry:
        """Give the geometry of one frame of the track."""
        height, width = image.shape[:2]
        vertices = self._track.vertices(self._head, slice(frame, frame + 1), self._offset)[0]
        pixels, depth = self._track.camera(width, height).project(vertices)
        projected = np.concatenate((pixels.numpy(), depth.numpy()[:, None]), axis=1)
        raster = rasterize(projected, self._surface, height, width)
        normals = vertex_normals(vertices.numpy(), self._faces)
        return shade(raster.triangles, raster.weights, raster.depth, self._surface, normals)


def shade(
    triangles: np.ndarray,  # (H, W) int, negative where nothing is seen
    weights: np.ndarray,  # (H, W, 3) barycentric
    depth: np.ndarray,  # (H, W)
    faces: np.ndarray,  # (F, 3)
    normals: np.ndarray,  # (V, 3)
) -> Geometry:
    """Interpolate vertex normals over a raster."""
    mask = triangles >= 0
    normal = np.zeros((*mask.shape, 3), dtype=np.float32)
    smooth = (normals[faces[triangles[mask]]] * weights[mask][..., None]).sum(axis=1)
    normal[mask] = smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    return Geometry(np.where(mask, depth, 0).astype(np.float32), normal, mask)
