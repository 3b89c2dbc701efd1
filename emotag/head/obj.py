"""Wavefront OBJ: vertices and polygons, read from bytes."""

import numpy as np

from emotag.errors import InputError


def read_vertices(content: bytes, name: str) -> np.ndarray:  # (V, 3) float64
    """Give the `v` lines of an OBJ file. Raises InputError when there is none or one is not three numbers."""
    rows = [line[2:] for line in content.splitlines() if line.startswith(b"v ")]
    if not rows:
        raise InputError(f"{name}: no vertices; the file is damaged or is no OBJ file, fetch it again")
    try:
        return np.array(b" ".join(rows).split(), dtype=np.float64).reshape(len(rows), 3)
    except ValueError:
        raise InputError(f"{name}: a vertex line is not three numbers; the file is damaged, fetch it again") from None


def read_polygons(content: bytes, name: str) -> list[list[int]]:
    """Give the vertex ids (from 0) of each `f` line. Raises InputError when a face cannot be read."""
    try:
        return [
            [int(corner.split(b"/", 1)[0]) - 1 for corner in line[2:].split()]
            for line in content.splitlines()
            if line.startswith(b"f ")
        ]
    except ValueError:
        raise InputError(f"{name}: a face line cannot be read; the file is damaged, fetch it again") from None


def triangulate(
    polygons: list[list[int]],
    vertices: np.ndarray,  # (V, 3)
) -> np.ndarray:  # (F, 3) int64, winding kept
    """Split polygons into triangles; a quad along its shorter diagonal, which follows creased surfaces better."""
    triangles: list[tuple[int, int, int]] = []
    for polygon in polygons:
        if len(polygon) == 4:
            a, b, c, d = polygon
            if np.linalg.norm(vertices[a] - vertices[c]) <= np.linalg.norm(vertices[b] - vertices[d]):
                triangles += [(a, b, c), (a, c, d)]
            else:
                triangles += [(a, b, d), (b, c, d)]
        else:
            triangles += [(polygon[0], polygon[i], polygon[i + 1]) for i in range(1, len(polygon) - 1)]
    return np.array(triangles, dtype=np.int64).reshape(-1, 3)
