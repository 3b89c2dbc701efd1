"""Which points of the surface a camera sees, by a depth buffer."""

import numpy as np
import torch
from torch import Tensor

from emotag.head.mesh_render import rasterize, vertex_normals
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
    from emotag.camera import Camera

    share = _SIDE / max(aspect)
    width, height = round(aspect[0] * share), round(aspect[1] * share)
    faces, all_faces = surface_faces(head.to("cpu")), head.faces.cpu().numpy()
    chosen = ids.cpu().numpy()
    pixels, depth = Camera(focal_length, width, height).project(vertices)
    projected = torch.cat((pixels, depth[..., None]), dim=-1).cpu().numpy()
    posed = vertices.detach().cpu().numpy()
    weights = np.zeros((len(posed), len(chosen)), np.float32)
    for frame, points in enumerate(projected):
        buffer = rasterize(points, faces, height, width).depth
        normals = vertex_normals(posed[frame], all_faces)[chosen]
        view = np.array([0.0, 0.0, 1.0]) - posed[frame][chosen]
        facing = (normals * view).sum(axis=1) / np.linalg.norm(view, axis=1)
        x, y, z = points[chosen].T
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        nearest = buffer[row.clip(0, height - 1), column.clip(0, width - 1)]
        pixel = z / (focal_length * max(width, height))  # metres that a pixel covers at the point
        fall = np.sqrt(1 / np.maximum(facing, 1e-3) ** 2 - 1)
        seen = inside & (z <= nearest + _TOLERANCE + _SLOPE_TOLERANCE * pixel * fall)
        weights[frame] = seen * np.clip((facing - _FACING_NONE) / (_FACING_FULL - _FACING_NONE), 0, 1)
    return torch.from_numpy(weights).to(vertices)
