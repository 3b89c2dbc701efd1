"""Which points of the surface a camera sees, by a depth buffer."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from emotag.camera import CAMERA_DISTANCE, Camera
from emotag.head.mesh_render import rasterize
from emotag.head.model import HeadModel
from emotag.perception.geometry.surface import surface_faces

_SIDE = 192  # pixels of the depth buffer
_TOLERANCE = 0.0007  # metres that a point may lie behind the buffer, and
_SLOPE_TOLERANCE = 1.0  # as much again as its surface falls away within this many pixels of the buffer
_FACING_NONE, _FACING_FULL = 0.15, 0.45  # cosines between which a point's weight rises


def sight(
    head: HeadModel,
    vertices: Tensor,  # (T, V, 3) metres, world
    ids: Tensor,  # (K,) vertices that are asked for
    focal_length: float,  # normalised
    aspect: tuple[int, int],  # width and height of the picture
) -> Tensor:  # (T, K) in [0, 1]: 0 hidden, less than 1 at a grazing angle
    """Say how well each vertex is seen in each frame."""
    share = _SIDE / max(aspect)
    width, height = round(aspect[0] * share), round(aspect[1] * share)
    faces = surface_faces(head.to("cpu"))
    chosen = ids.cpu().numpy()
    pixels, depth = Camera(focal_length, width, height).project(vertices)
    projected = torch.cat((pixels, depth[..., None]), dim=-1).cpu().numpy()
    view = vertices.new_tensor([0.0, 0.0, CAMERA_DISTANCE]) - vertices[:, ids]
    facings = (normals(vertices, head.faces)[:, ids] * normalize(view, dim=-1)).sum(dim=-1).cpu().numpy()
    weights = np.zeros((len(projected), len(chosen)), np.float32)
    for frame, (points, facing) in enumerate(zip(projected, facings, strict=True)):
        buffer = rasterize(points, faces, height, width).depth
        x, y, z = points[chosen].T
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        nearest = buffer[row.clip(0, height - 1), column.clip(0, width - 1)]
        pixel = z / (focal_length * max(width, height))  # metres that a pixel covers at the point
        fall = np.sqrt(1 / np.maximum(facing, 1e-3) ** 2 - 1)
        seen = inside & (z <= nearest + _TOLERANCE + _SLOPE_TOLERANCE * pixel * fall)
        weights[frame] = seen * np.clip((facing - _FACING_NONE) / (_FACING_FULL - _FACING_NONE), 0, 1)
    return torch.from_numpy(weights).to(vertices)


def normals(
    vertices: Tensor,  # (T, V, 3)
    faces: Tensor,  # (F, 3)
) -> Tensor:  # (T, V, 3) unit, zero for a vertex without area
    """Area-weighted vertex normals of many poses at once."""
    a, b, c = (vertices[:, faces[:, corner]] for corner in range(3))
    area = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(1, faces[:, corner], area)
    return normalize(total, dim=-1, eps=1e-20)
