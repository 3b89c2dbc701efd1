"""Mesh decimation that keeps original vertices, so that every linear basis carries over exactly.

Half-edge collapses (a vertex is merged into a neighbour and nothing moves) in the order of a cost that adds

* the quadric error (Garland and Heckbert, *Surface simplification using quadric error metrics*, 1997) summed over
  several poses of the same mesh, so that what only shows when the mouth opens or the eye shuts is kept as well, and
* the length of the edge against a wanted length per vertex, so that density is chosen and triangles stay even.
"""

import heapq

import numba
import numpy as np

_FLIP_COSINE = 0.3
"""A collapse may not turn a triangle's normal further than this (cosine) in any pose."""
_LEAST_QUALITY = 0.12
"""Nor make a triangle whose quality (4√3 · area / Σ side²; 1 is equilateral) falls below this and got worse."""
_BOUNDARY_WEIGHT = 1.0
_LENGTH_WEIGHT = 0.1
"""Cost of an edge of the wanted length, in units of (wanted length)⁴, to which quadric errors are added."""


def decimate(
    poses: np.ndarray,  # (K, V, 3) the same mesh in K poses, the rest pose first
    faces: np.ndarray,  # (F, 3)
    wanted_length: np.ndarray,  # (V,) edge length wanted at each vertex, in units of the poses
    locked: np.ndarray,  # (V,) bool, vertices that stay
    count: int,
) -> tuple[np.ndarray, np.ndarray]:  # (N,) kept vertex ids ascending, (F', 3) faces in ids of the kept
    """Collapse edges until `count` vertices of those used by `faces` are left (or no collapse is allowed).

    The topology stays: no hole is closed or opened, boundaries keep to themselves, no triangle flips.
    """
    used = np.zeros(poses.shape[1], dtype=bool)
    used[faces] = True
    quadrics = _quadrics(np.ascontiguousarray(poses, np.float64), np.ascontiguousarray(faces, np.int64))
    left = _collapse(
        np.ascontiguousarray(poses, np.float64),
        np.array(faces, np.int64),
        quadrics,
        np.ascontiguousarray(wanted_length, np.float64),
        locked,
        _boundary(faces, poses.shape[1]),
        max(int(used.sum()) - count, 0),
    )
    kept = np.unique(left)
    lookup = np.full(poses.shape[1], -1, np.int64)
    lookup[kept] = np.arange(len(kept))
    return kept, lookup[left]


def _boundary(faces: np.ndarray, count: int) -> np.ndarray:  # (V,) bool
    edges = boundary_edges(faces)
    mask = np.zeros(count, dtype=bool)
    mask[edges] = True
    return mask


def boundary_edges(
    faces: np.ndarray,  # (F, 3)
) -> np.ndarray:  # (B, 2) directed as in their one face
    """Edges with a face on one side only."""
    directed = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    keys = directed[:, 0] * (int(faces.max()) + 1) + directed[:, 1]
    reverse = directed[:, 1] * (int(faces.max()) + 1) + directed[:, 0]
    return directed[~np.isin(keys, reverse)]


def _quadrics(poses: np.ndarray, faces: np.ndarray) -> np.ndarray:  # (K, V, 10) upper triangles of 4 × 4
    edges = boundary_edges(faces)
    result = np.zeros((*poses.shape[:2], 10))
    for k, pose in enumerate(poses):
        corners = pose[faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normal, axis=1) / 2
        unit = normal / np.maximum(2 * area, 1e-20)[:, None]
        plane = _plane_quadric(unit, corners[:, 0], area / 3)
        for corner in range(3):
            np.add.at(result[k], faces[:, corner], plane)
        if len(edges):
            # A wall along the border, upright on the surface, keeps the border's line.
            surface = np.zeros_like(pose)
            for corner in range(3):
                np.add.at(surface, faces[:, corner], normal)
            along = pose[edges[:, 1]] - pose[edges[:, 0]]
            wall = np.cross(along, surface[edges].sum(1))
            wall /= np.maximum(np.linalg.norm(wall, axis=1, keepdims=True), 1e-20)
            fence = _plane_quadric(wall, pose[edges[:, 0]], _BOUNDARY_WEIGHT * (along**2).sum(1))
            for end in range(2):
                np.add.at(result[k], edges[:, end], fence)
    return result


def _plane_quadric(unit: np.ndarray, point: np.ndarray, weight: np.ndarray) -> np.ndarray:  # (N, 10)
    plane = np.concatenate((unit, -(unit * point).sum(1, keepdims=True)), axis=1)
    rows, columns = np.triu_indices(4)
    return plane[:, rows] * plane[:, columns] * weight[:, None]


@numba.njit(cache=True)
def _error(quadric, point):  # type: ignore[no-untyped-def]
    x, y, z = point
    return (
        quadric[0] * x * x
        + quadric[4] * y * y
        + quadric[7] * z * z
        + quadric[9]
        + 2 * (quadric[1] * x * y + quadric[2] * x * z + quadric[3] * x)
        + 2 * (quadric[5] * y * z + quadric[6] * y + quadric[8] * z)
    )


@numba.njit(cache=True)
def _cost(poses, quadrics, wanted, u, v):  # type: ignore[no-untyped-def]
    scale = min(wanted[u], wanted[v])
    error = 0.0
    length = 0.0
    for k in range(poses.shape[0]):
        error += max(_error(quadrics[k, u] + quadrics[k, v], poses[k, v]), 0.0)
        length = max(length, ((poses[k, u] - poses[k, v]) ** 2).sum())
    return error / scale**4 + _LENGTH_WEIGHT * (length / scale**2) ** 2


@numba.njit(cache=True)
def _cross(a, b, c):  # type: ignore[no-untyped-def]
    p = b - a
    q = c - a
    return np.array((p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]))


@numba.njit(cache=True)
def _quality(a, b, c):  # type: ignore[no-untyped-def]
    area = np.sqrt((_cross(a, b, c) ** 2).sum()) / 2
    sides = ((a - b) ** 2).sum() + ((b - c) ** 2).sum() + ((c - a) ** 2).sum()
    return 6.9282 * area / max(sides, 1e-30)


@numba.njit(cache=True)
def _neighbours(faces, head, following, alive, u, mark, stamp, found):  # type: ignore[no-untyped-def]
    """Write u's neighbours to `found`, mark them with `stamp`, and give their number."""
    number = 0
    corner = head[u]
    while corner >= 0:
        face = corner // 3
        if alive[face]:
            for other in faces[face]:
                if other != u and mark[other] != stamp:
                    mark[other] = stamp
                    found[number] = other
                    number += 1
        corner = following[corner]
    return number


@numba.njit(cache=True)
def _allowed(poses, faces, head, following, alive, boundary, u, v, mark, found, stamp):  # type: ignore[no-untyped-def]
    """Whether merging u into v keeps the topology and turns no triangle over."""
    number = _neighbours(faces, head, following, alive, u, mark, stamp, found)
    shared_faces = 0
    corner = head[u]
    while corner >= 0:
        face = corner // 3
        if alive[face] and (faces[face, 0] == v or faces[face, 1] == v or faces[face, 2] == v):
            shared_faces += 1
        corner = following[corner]
    if shared_faces == 0 or (boundary[u] and shared_faces != 1):
        return False
    # Link condition: common neighbours are the third corners of the shared faces, and no others.
    common = 0
    seen = stamp + 1
    corner = head[v]
    while corner >= 0:
        face = corner // 3
        if alive[face]:
            for other in faces[face]:
                if other != u and other != v and mark[other] == stamp:
                    mark[other] = seen
                    common += 1
        corner = following[corner]
    if common != shared_faces or number < 3:
        return False

    corner = head[u]
    while corner >= 0:
        face = corner // 3
        if alive[face] and not (faces[face, 0] == v or faces[face, 1] == v or faces[face, 2] == v):
            a, b, c = faces[face]
            na = v if a == u else a
            nb = v if b == u else b
            nc = v if c == u else c
            for k in range(poses.shape[0]):
                pose = poses[k]
                before = _cross(pose[a], pose[b], pose[c])
                after = _cross(pose[na], pose[nb], pose[nc])
                size = np.sqrt((before**2).sum() * (after**2).sum())
                if (before * after).sum() < _FLIP_COSINE * size:
                    return False
            quality = _quality(poses[0, na], poses[0, nb], poses[0, nc])
            if quality < _LEAST_QUALITY and quality < _quality(poses[0, a], poses[0, b], poses[0, c]):
                return False
        corner = following[corner]
    return True


@numba.njit(cache=True)
def _collapse(poses, faces, quadrics, wanted, locked, boundary, removals):  # type: ignore[no-untyped-def]
    count = poses.shape[1]
    head = np.full(count, -1, np.int64)
    following = np.full(faces.size, -1, np.int64)
    for corner in range(faces.size):
        vertex = faces[corner // 3, corner % 3]
        following[corner] = head[vertex]
        head[vertex] = corner
    alive = np.ones(faces.shape[0], np.bool_)
    version = np.zeros(count, np.int64)
    mark = np.full(count, -1, np.int64)
    found = np.empty(count, np.int64)
    ring = np.empty(count, np.int64)
    stamp = 0

    heap = [(0.0, 0, 0, 0, 0)]
    heap.pop()
    for face in range(faces.shape[0]):
        for corner in range(3):
            u, v = faces[face, corner], faces[face, (corner + 1) % 3]
            for start, end in ((u, v), (v, u)):
                if not locked[start]:
                    heapq.heappush(heap, (_cost(poses, quadrics, wanted, start, end), start, end, 0, 0))

    while removals > 0 and len(heap) > 0:
        _, u, v, version_u, version_v = heapq.heappop(heap)
        if version[u] != version_u or version[v] != version_v:
            continue
        stamp += 2
        if not _allowed(poses, faces, head, following, alive, boundary, u, v, mark, found, stamp):
            continue
        corner = head[u]
        while corner >= 0:
            face = corner // 3
            after = following[corner]
            if alive[face]:
                if faces[face, 0] == v or faces[face, 1] == v or faces[face, 2] == v:
                    alive[face] = False
                else:
                    faces[face, corner % 3] = v
                    following[corner] = head[v]
                    head[v] = corner
            corner = after
        head[u] = -1
        quadrics[:, v] += quadrics[:, u]
        version[u] = -1
        version[v] += 1
        removals -= 1
        stamp += 2
        number = _neighbours(faces, head, following, alive, v, mark, stamp, ring)
        for index in range(number):
            other = ring[index]
            if not locked[v]:
                cost = _cost(poses, quadrics, wanted, v, other)
                heapq.heappush(heap, (cost, v, other, version[v], version[other]))
            if not locked[other]:
                cost = _cost(poses, quadrics, wanted, other, v)
                heapq.heappush(heap, (cost, other, v, version[other], version[v]))
    return faces[alive]
