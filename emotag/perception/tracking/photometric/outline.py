"""The static offset: what hair, ears and neck add to the mesh so that its outline meets the person's."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
import torch
from scipy.spatial import cKDTree

from emotag.head.mesh_render import rasterize
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.head.surface import unique_edges
from emotag.perception.geometry.surface import surface_faces
from emotag.perception.matte.neck import head_alpha, neck_line, neck_rings
from emotag.perception.tracking.photometric.settings import OutlineSettings
from emotag.perception.tracking.track import Track

NECK_LIFT = 0.6
"""Height of the line above which outlines are compared, as in the mattes."""

_STEP = 0.5  # pixels between the places where an outline is looked for
_HALF = 0.5  # pixel
_LEVEL = 0.5  # alpha at a person's outline
_AGREE = 0.5  # least cosine between the outlines' normals
_FACE_NEAR, _FACE_FAR = 0.008, 0.035  # metres from the nearest landmark between which the offset becomes free
_MOUTH_CORNERS = (61, 291)
"""Of Face Mesh: below them are jaw and neck."""


@dataclass(frozen=True)
class Outlines:
    """What is compared: alphas of F frames above their neck lines, and the track of these frames."""

    alphas: np.ndarray  # (F, h, w) float32 in [0, 1]: person above the neck line
    above: np.ndarray  # (F, h, w) float32 in [0, 1]: what lies above the neck line
    track: Track  # of these frames


@dataclass(frozen=True)
class Pulls:
    """Places on the mesh's outlines and how far along the picture's normal the person's outline lies."""

    frame: np.ndarray  # (N,)
    triangle: np.ndarray  # (N,) index into the surface's faces
    weights: np.ndarray  # (N, 3) barycentric
    normal: np.ndarray  # (N, 2) outwards, unit
    distance: np.ndarray  # (N,) metres at the surface, positive outwards


def outlines(
    head: HeadModel,
    track: Track,  # of F frames
    persons: list[np.ndarray],  # F, each (H, W) uint8 alpha of the person
    resolution: int,
) -> Outlines:
    """Cut the alphas above the tracked neck and reduce them to the masks' scale (square pictures)."""
    rings = neck_rings(head, track, resolution, NECK_LIFT)
    alphas, above = [], []
    for person, ring in zip(persons, rings, strict=True):
        small = cv2.resize(person, (resolution, resolution), interpolation=cv2.INTER_AREA)
        line = neck_line(ring)
        alphas.append(head_alpha(small, line, 1.0).astype(np.float32) / 255)
        above.append(head_alpha(np.full_like(small, 255), line, 1.0).astype(np.float32) / 255)
    return Outlines(np.stack(alphas), np.stack(above), track)


def fit_offset(
    head: HeadModel,
    seen: Outlines,
    settings: OutlineSettings,
    advance: Callable[[int], None] | None = None,
) -> torch.Tensor:  # (V, 3) metres, rest pose
    """Fit the smoothest offset that brings the mesh's outlines onto the person's in all frames.

    As in an ICP, the outlines are matched both ways and the offset solved for in turn. It is stiff (bending costs),
    hardly moves the face, where landmarks lie, and is free where hair, ears and neck are.
    """
    sigma = offset_sigma(head, settings)
    free = np.flatnonzero(sigma > 2 * settings.face_sigma)
    surface = surface_faces(head)
    bending, stretching = (one.tocsc()[:, free] for one in _elasticity(head))
    elastic = settings.stiffness * (bending.T @ bending) + settings.tension * (stretching.T @ stretching)
    base = sp.kron(elastic / settings.sigma**2 + sp.diags(sigma[free] ** -2.0), sp.identity(3))
    column = np.full(head.n_vertices, -1)
    column[free] = np.arange(len(free))
    offset = np.zeros((head.n_vertices, 3))
    for _ in range(settings.rounds):
        pulls = match(head, seen, offset, settings, surface)
        rows, wanted = _equations(seen.track, offset, pulls, surface, column, len(free))
        weighted = rows.T / (settings.sigma**2 * len(seen.alphas))
        solved = scipy.sparse.linalg.spsolve((base + weighted @ rows).tocsc(), weighted @ wanted)
        offset[free] = solved.reshape(-1, 3)
        if advance is not None:
            advance(1)
    return torch.from_numpy(offset.astype(np.float32))


def offset_sigma(head: HeadModel, settings: OutlineSettings) -> np.ndarray:  # (V,) metres
    """Say how far each vertex may go: hardly where a landmark is near, far where hair, ears and neck are."""
    template = head.template.cpu().numpy()
    landmarks = head.landmarks468.points(head.template, head.faces).cpu().numpy()
    distance = cKDTree(landmarks).query(template)[0]
    share = np.clip((distance - _FACE_NEAR) / (_FACE_FAR - _FACE_NEAR), 0, 1)
    share = share * share * (3 - 2 * share)
    for name in ("mouth_interior", "left_eye", "right_eye", "upper_lid", "lower_lid"):
        if name in head.regions:
            share[head.regions[name].cpu().numpy()] = 0
    sigma = settings.face_sigma + (settings.free_sigma - settings.face_sigma) * share
    low = template[:, 1] < landmarks[list(_MOUTH_CORNERS), 1].mean()
    sigma[low] = np.minimum(sigma[low], settings.neck_sigma)
    return sigma


def _elasticity(head: HeadModel) -> tuple[sp.spmatrix, sp.spmatrix]:  # (V, V), (E, V)
    """Umbrella operator (a vertex's offset minus its neighbours' mean), and differences along edges."""
    edges = unique_edges(head.faces.cpu().numpy())
    count, ones = head.n_vertices, np.ones(len(edges))
    rows = np.arange(len(edges))
    half = sp.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    graph = (half + half.T).tocsr()
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1)
    ends = (np.concatenate((ones, -ones)), (np.tile(rows, 2), edges.T.ravel()))
    return sp.identity(count) - sp.diags(1 / degree) @ graph, sp.coo_matrix(ends, shape=(len(edges), count))


def match(
    head: HeadModel,
    seen: Outlines,
    offset: np.ndarray,  # (V, 3)
    settings: OutlineSettings,
    surface: np.ndarray,  # (F', 3)
) -> Pulls:
    """Match the mesh's outline with the person's in every frame, from both sides."""
    size = seen.alphas.shape[1]
    pixels = projected(head, seen.track, offset, size)
    parts: list[tuple[np.ndarray, ...]] = []
    for frame, (points, alpha, above) in enumerate(zip(pixels, seen.alphas, seen.above, strict=True)):
        raster = rasterize(points, surface, size, size)
        mesh = outline_points(raster.hit.astype(np.float32), above)
        person = outline_points(alpha, above)
        if len(mesh[0]) < 3 or len(person[0]) < 3:
            continue
        scale = seen.track.focal_length * size / float(points[:, 2].mean())  # pixels per metre
        reach = settings.reach * scale
        cells, normals = mesh
        place = cells[:, ::-1] + 0.5
        outwards = along(alpha, place, normals, reach) - _HALF  # the mesh ends at its last pixel's border
        found = np.isfinite(outwards)
        tree = cKDTree(np.concatenate((place, reach * normals), axis=1))
        edges = person[0][:, ::-1] + 0.5
        nearest = tree.query(np.concatenate((edges, reach * person[1]), axis=1))[1]
        gap = edges - place[nearest]
        agree = ((normals[nearest] * person[1]).sum(1) > _AGREE) & (np.linalg.norm(gap, axis=1) < reach)
        backwards = (gap * normals[nearest]).sum(1)
        chosen = np.concatenate((np.flatnonzero(found), nearest[agree]))
        distance = np.concatenate((outwards[found], backwards[agree]))
        row, col = cells[chosen].T
        weights = raster.weights[row, col].astype(float)
        frames = np.full(len(chosen), frame)
        parts.append((frames, raster.triangles[row, col], weights, normals[chosen], distance / scale))
    if not parts:
        return Pulls(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0))
    return Pulls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def projected(head: HeadModel, track: Track, offset: np.ndarray, size: int) -> np.ndarray:  # (F, V, 3) px, px, m
    """Pose and project the head with an offset."""
    vertices = track.vertices(head, offset=torch.from_numpy(offset.astype(np.float32)))
    pixels, depth = track.camera(size, size).project(vertices)
    return torch.cat((pixels, depth[..., None]), dim=-1).numpy()


def outline_points(
    mask: np.ndarray,  # (h, w) float32 in [0, 1]
    above: np.ndarray,  # (h, w) what counts
) -> tuple[np.ndarray, np.ndarray]:  # (N, 2) row, column; (N, 2) outward normals x, y
    """Give the pixels along a mask's border inside the picture and above the neck line, with smoothed normals."""
    inside = (mask >= _LEVEL).astype(np.uint8)
    border = (inside > 0) & (cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1) == 0) & (above > 0.99)
    border[[0, 1, -2, -1]] = False
    border[:, [0, 1, -2, -1]] = False
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 2.0)
    slope = np.stack((cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)), axis=-1)
    cells = np.argwhere(border)
    normals = -slope[border]
    length = np.linalg.norm(normals, axis=1)
    return cells[length > 1e-6], (normals / np.maximum(length, 1e-6)[:, None])[length > 1e-6]


def along(
    alpha: np.ndarray,  # (h, w)
    place: np.ndarray,  # (N, 2) x, y pixels
    normals: np.ndarray,  # (N, 2)
    reach: float,  # pixels
) -> np.ndarray:  # (N,) pixels along the normal to the nearest way out of the person, NaN where there is none
    """Look along normals, both ways, for where alpha falls through one half."""
    steps = np.arange(-reach, reach + _STEP, _STEP)
    line = place[:, None] + steps[:, None] * normals[:, None]  # (N, S, 2)
    x, y = (line - 0.5).astype(np.float32).transpose(2, 0, 1)
    values = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    leaves = (values[:, :-1] >= _LEVEL) & (values[:, 1:] < _LEVEL)
    share = (values[:, :-1] - _LEVEL) / np.maximum(values[:, :-1] - values[:, 1:], 1e-6)
    crossing = np.where(leaves, steps[:-1] + share * _STEP, np.inf)
    best = np.abs(crossing).argmin(axis=1)
    found = crossing[np.arange(len(place)), best]
    return np.where(np.isfinite(found), found, np.nan)


def _equations(
    track: Track,
    offset: np.ndarray,  # (V, 3)
    pulls: Pulls,
    surface: np.ndarray,  # (F', 3)
    column: np.ndarray,  # (V,) place among the free vertices, −1 if it is none of them
    count: int,
) -> tuple[sp.csr_matrix, np.ndarray]:  # (N, 3 count), (N,) metres
    """One equation a pull: the offset's component along the picture's normal, seen from the head's own frame."""
    turn = axis_angle_to_matrix(track.rotation).numpy()[pulls.frame]  # (N, 3, 3)
    direction = np.concatenate((pulls.normal * [1.0, -1.0], np.zeros((len(pulls.normal), 1))), axis=1)
    own = (direction[:, None] @ turn)[:, 0]  # (N, 3) rest axes
    corners = surface[pulls.triangle]  # (N, 3)
    coefficients = pulls.weights[..., None] * own[:, None]  # (N, 3 corners, 3 axes)
    present = (coefficients * offset[corners]).sum(axis=(1, 2))
    place = column[corners]
    held = place >= 0
    row = np.broadcast_to(np.arange(len(corners))[:, None], place.shape)[held]
    columns = (3 * place[held][:, None] + np.arange(3)).ravel()
    matrix = sp.coo_matrix((coefficients[held].ravel(), (np.repeat(row, 3), columns)), shape=(len(corners), 3 * count))
    return matrix.tocsr(), present + pulls.distance


def overlap(head: HeadModel, seen: Outlines, offset: torch.Tensor | None) -> float:
    """Intersection over union of the mesh's mask and the person's, both above the neck line, over all frames."""
    size = seen.alphas.shape[1]
    surface = surface_faces(head)
    zero = np.zeros((head.n_vertices, 3), np.float32)
    pixels = projected(head, seen.track, zero if offset is None else offset.cpu().numpy(), size)
    both = either = 0
    for points, alpha, above in zip(pixels, seen.alphas, seen.above, strict=True):
        mesh = rasterize(points, surface, size, size).hit & (above >= _LEVEL)
        person = alpha >= _LEVEL
        both += int((mesh & person).sum())
        either += int((mesh | person).sum())
    return both / max(either, 1)
