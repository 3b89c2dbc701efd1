"""A triangle mesh as a value, and the few operations that parts of the open head are made with."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """Vertices and oriented triangles. Metres; x to the person's left, y up, z out of the face."""

    vertices: np.ndarray  # (V, 3) float64
    faces: np.ndarray  # (F, 3) int64, counter-clockwise seen from outside

    def mirrored(self) -> "Mesh":
        """Give the same part on the other side of the plane x = 0, facing outwards still."""
        return Mesh(self.vertices * (-1.0, 1.0, 1.0), self.faces[:, ::-1].copy())

    def moved(
        self,
        offset: np.ndarray | tuple[float, float, float],  # (3,) metres
    ) -> "Mesh":
        """Give the mesh translated by `offset`."""
        return Mesh(self.vertices + np.asarray(offset), self.faces)

    def volume(self) -> float:
        """Signed volume, m³: positive for a closed mesh whose faces look outwards (divergence theorem)."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def joined(*meshes: Mesh) -> Mesh:
    """Put meshes together, vertices in the order given, without welding."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
    )


def grid_faces(
    ids: np.ndarray,  # (R, C) vertex ids
    closed: bool = False,
) -> np.ndarray:  # (2 (R − 1) (C − 1 or C), 3)
    """Triangulate a grid of vertices; `closed` joins the last column to the first.

    Faces look at the reader when rows run down the page and columns to the right. Every other quadrilateral of a row is
    split along the other diagonal in the right half, so that a symmetric grid gets symmetric triangles.
    """
    if closed:
        ids = np.concatenate((ids, ids[:, :1]), axis=1)
    upper_left, upper_right = ids[:-1, :-1].ravel(), ids[:-1, 1:].ravel()
    lower_left, lower_right = ids[1:, :-1].ravel(), ids[1:, 1:].ravel()
    columns = ids.shape[1] - 1
    right_half = np.tile(np.arange(columns) >= columns / 2, len(ids) - 1)[:, None]
    falling = np.stack((upper_left, lower_left, lower_right, upper_left, lower_right, upper_right), axis=1)
    rising = np.stack((upper_left, lower_left, upper_right, upper_right, lower_left, lower_right), axis=1)
    faces = np.where(right_half, rising, falling).reshape(-1, 3)
    distinct = (faces != np.roll(faces, 1, axis=1)).all(axis=1)  # a grid may repeat a vertex, e.g. at a seam or a pole
    return faces[distinct]


def fan_faces(
    ring: np.ndarray,  # (C,) vertex ids of a closed ring
    apex: int,
) -> np.ndarray:  # (C, 3)
    """Join a closed ring to one vertex; faces look at the reader when the ring runs counter-clockwise."""
    return np.stack((ring, np.roll(ring, -1), np.full_like(ring, apex)), axis=1)


def strip_faces(
    ring: np.ndarray,  # (C,) vertex ids of a closed ring
) -> np.ndarray:  # (C − 2, 3)
    """Close a slender ring with a zigzag from its first vertex to the opposite one, without a new vertex.

    Faces look at the reader when the ring runs counter-clockwise.
    """
    left, right = 1, len(ring) - 1
    faces = [(ring[0], ring[left], ring[right])]
    while right - left > 1:
        if left <= len(ring) - right:
            faces.append((ring[left], ring[left + 1], ring[right]))
            left += 1
        else:
            faces.append((ring[left], ring[right - 1], ring[right]))
            right -= 1
    return np.array(faces)
