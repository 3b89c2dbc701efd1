"""Geometry on a triangle mesh: shortest paths, enclosed patches, boundary loops, clipping by a plane."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from emotag.head.decimate import boundary_edges


def unique_edges(
    faces: np.ndarray,  # (F, 3)
) -> np.ndarray:  # (E, 2) smaller id first
    """Every edge once."""
    directed = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    return np.unique(np.sort(directed, axis=1), axis=0)


def edge_graph(
    vertices: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
) -> csr_matrix:  # (V, V) symmetric, edge lengths
    """The mesh as a graph weighted by length."""
    edges = unique_edges(faces)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    half = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(vertices), len(vertices)))
    return (half + half.T).tocsr()


def components(
    faces: np.ndarray,  # (F, 3)
    count: int,
) -> np.ndarray:  # (V,) labels
    """Connected component of each vertex."""
    edges = unique_edges(faces)
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def closed_path(
    graph: csr_matrix,  # (V, V)
    through: Sequence[int],  # vertex ids in order around
) -> np.ndarray:  # (P,) vertex ids, each once, in order
    """The shortest closed path over the edges that visits the given vertices in order."""
    path: list[int] = []
    for start, end in zip(through, [*through[1:], through[0]], strict=True):
        _, before = dijkstra(graph, indices=start, return_predecessors=True)
        leg = [end]
        while leg[-1] != start:
            leg.append(int(before[leg[-1]]))
        path += [vertex for vertex in leg[:0:-1] if vertex not in path]
    return np.array(path, dtype=np.int64)


def enclosed(
    graph: csr_matrix,  # (V, V)
    ring: np.ndarray,  # (P,) vertex ids
    seeds: np.ndarray,  # (S,) vertex ids inside
) -> np.ndarray:  # sorted vertex ids
    """What can be reached from the seeds without crossing the ring, and the ring itself."""
    outside = np.ones(graph.shape[0], dtype=bool)
    outside[ring] = False
    free = np.flatnonzero(outside)
    labels = connected_components(graph[free][:, free], directed=False)[1]
    inside = np.isin(labels, labels[np.isin(free, seeds)])
    return np.union1d(free[inside], ring)


def boundary_loops(
    faces: np.ndarray,  # (F, 3)
) -> list[np.ndarray]:
    """Open borders as ordered loops of vertex ids, longest first; each walks with the surface on its left."""
    following = {int(start): int(end) for start, end in boundary_edges(faces)}
    loops = []
    while following:
        start = min(following)
        loop = [start]
        while (after := following.pop(loop[-1], start)) != start:
            loop.append(after)
        loops.append(np.array(loop, dtype=np.int64))
    return sorted(loops, key=len, reverse=True)


@dataclass(frozen=True)
class Clip:
    """A mesh cut by a surface: the old vertices, then one new vertex on each cut edge."""

    faces: np.ndarray  # (F', 3)
    edges: np.ndarray  # (M, 2) old ids of the edge each new vertex lies on
    fraction: np.ndarray  # (M,) place along it

    def extend(
        self,
        values: np.ndarray,  # (..., V, C)
    ) -> np.ndarray:  # (..., V + M, C)
        """Carry vertex values over to the new vertices by linear interpolation."""
        start, end = values[..., self.edges[:, 0], :], values[..., self.edges[:, 1], :]
        made = start + self.fraction[:, None] * (end - start)
        return np.concatenate((values, made), axis=-2)


def clip(
    faces: np.ndarray,  # (F, 3)
    height: np.ndarray,  # (V,) kept where positive
) -> Clip:
    """Cut a mesh where `height` is zero and keep the positive side; cut quads are triangulated, winding stays."""
    kept: list[tuple[int, ...]] = []
    made: dict[tuple[int, int], int] = {}

    def cut(a: int, b: int) -> int:
        return made.setdefault((min(a, b), max(a, b)), len(height) + len(made))

    above = height > 0
    for face in faces[above[faces].any(1)].tolist():
        ring: list[int] = []
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            if above[a]:
                ring.append(a)
            if above[a] != above[b]:
                ring.append(cut(a, b))
        kept += [(ring[0], ring[i], ring[i + 1]) for i in range(1, len(ring) - 1)]
    edges = np.array(list(made), dtype=np.int64).reshape(-1, 2)
    start, end = height[edges[:, 0]], height[edges[:, 1]]
    return Clip(np.array(kept, dtype=np.int64), edges, start / (start - end))


def nearest_on_surface(
    points: np.ndarray,  # (N, 3)
    vertices: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
    candidates: int = 48,
) -> tuple[np.ndarray, np.ndarray]:  # (N,) index into faces, (N, 3) barycentric
    """The surface point nearest to each point, searched among the triangles with the nearest centres."""
    corners = vertices[faces]
    tried = cKDTree(corners.mean(1)).query(points, k=min(candidates, len(faces)))[1].reshape(len(points), -1)
    weights = _nearest_in_triangle(points[:, None], corners[tried])  # (N, K, 3)
    found = np.einsum("nkc,nkcd->nkd", weights, corners[tried])
    best = ((found - points[:, None]) ** 2).sum(-1).argmin(1)
    rows = np.arange(len(points))
    return tried[rows, best], weights[rows, best]


def _nearest_in_triangle(
    point: np.ndarray,  # (..., 3), broadcastable
    corners: np.ndarray,  # (..., 3, 3)
) -> np.ndarray:  # (..., 3) barycentric weights of the nearest point
    """The foot of the perpendicular where it falls inside, else the nearest point of the three edges."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack((1 - v - w, v, w), axis=-1)
    best = np.where((inside >= 0).all(-1, keepdims=True), inside, 0)
    distance = np.where((inside >= 0).all(-1), _gap(point, corners, inside), np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        edge = corners[..., end, :] - corners[..., start, :]
        along = ((point - corners[..., start, :]) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-30)
        along = np.clip(along, 0, 1)
        weights = np.zeros(inside.shape)
        weights[..., start], weights[..., end] = 1 - along, along
        gap = _gap(point, corners, weights)
        nearer = gap < distance
        best = np.where(nearer[..., None], weights, best)
        distance = np.where(nearer, gap, distance)
    return best


def _gap(point: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (((corners * weights[..., None]).sum(-2) - point) ** 2).sum(-1)
