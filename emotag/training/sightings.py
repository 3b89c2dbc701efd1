"""What a clip shows of a person's mesh: which triangle each pixel sees, and what each triangle is worth."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from emotag.avatar import FaceMotion, Person, pose_head
from emotag.camera import CAMERA_DISTANCE
from emotag.head.mesh_render import Raster, rasterize
from emotag.head.model import HeadModel
from emotag.splats.rig import to_local, triangle_frames
from emotag.splats.sampling import Importance, Outline
from emotag.training.clip import ClipFeatures, FrameSource

_BATCH = 8  # frames posed and read at once
_HEAD = 0.5  # head alpha above which a pixel shows the head
_NEAR = 0.02  # of the frame's side: triangles this near to the head's matte count as in it
_TOP_SHARE = 0.25  # a triangle counts as in the quarter of the frames that shows it best: teeth show now and then
_DETAIL_LIMIT = 4.0  # an edge is worth at most this many times the mean one: a glint draws no crowd of splats
_CLOSE = 0.006  # metres: so far off the mesh, any triangle carries what the tracked outline misses
_HAIR_RIDES_ON = ("scalp", "ears", "neck")
_PLACES = 2000  # places off the mesh kept of a frame


@dataclass(frozen=True)
class Sighting:
    """One frame of a clip with the tracked mesh over it. Pixels are the frame's window."""

    colour: np.ndarray  # (h, w, 3) float32 0-1
    alpha: np.ndarray  # (h, w) float32 0-1: the head
    vertices: Tensor  # (V, 3) metres, world
    raster: Raster


@torch.no_grad()
def sightings(
    head: HeadModel, person: Person, features: ClipFeatures, frames: FrameSource, count: int
) -> Iterator[Sighting]:
    """Yield `count` of the clip's tracked frames, evenly spread, with the mesh posed as the tracker saw it."""
    faces = head.faces.cpu().numpy()
    window = frames.window
    for index in spread(features, count).split(_BATCH):
        motion = FaceMotion(features.expression[index], features.jaw[index])
        vertices = pose_head(head, person, motion, features.pose[index])
        pixels, depth = frames.camera.project(vertices)
        pixels = pixels - pixels.new_tensor([window.x, window.y])
        projected = torch.cat((pixels, depth[..., None]), dim=-1)
        colour, alpha = frames.select(index)
        for k in range(len(index)):
            raster = rasterize(projected[k].cpu().numpy(), faces, window.height, window.width)
            yield Sighting(colour[k].cpu().numpy(), alpha[k, ..., 0].cpu().numpy(), vertices[k], raster)


def spread(features: ClipFeatures, count: int) -> Tensor:  # (≤ count,)
    """Give frames spread evenly over the valid ones."""
    valid = features.valid.nonzero().squeeze(-1)
    picked = torch.linspace(0, len(valid) - 1, min(count, len(valid)), device=valid.device).round().long()
    return valid[picked]


def standing_in_head(head: HeadModel, seen: list[Sighting], frames: FrameSource) -> Tensor:  # (F,) bool
    """Tell which triangles ever stand inside the head's matte, or near its edge: the collar's never do."""
    ever = torch.zeros(len(head.faces), dtype=torch.bool, device=head.faces.device)
    window = frames.window
    size = torch.tensor([window.width, window.height], device=head.faces.device)
    around = 2 * round(_NEAR * max(frames.camera.width, frames.camera.height)) + 1
    for sighting in seen:
        pixels, _ = frames.camera.project(sighting.vertices[head.faces].mean(dim=1))
        place = (pixels - pixels.new_tensor([window.x, window.y])).floor().long()
        near = cv2.dilate((sighting.alpha > _HEAD).astype(np.uint8), np.ones((around, around), np.uint8))
        column, row = torch.minimum(place.clamp_min(0), size - 1).unbind(-1)
        inside = ((place >= 0) & (place < size)).all(dim=-1)
        ever |= inside & torch.from_numpy(near > 0).to(ever.device)[row, column]
    return ever


def importance(
    head: HeadModel,
    seen: list[Sighting],
    frames: FrameSource,
    detail_share: float,  # 0-1: of a picture's weight, what goes to its edges
    reach: float,  # metres: how far off the mesh the head may go on
) -> Importance:
    """Weigh the triangles by the pixels that show them, in the frames that show them best.

    Pixels of the head beside the mesh (hair) become places that ride on the nearest triangle of the outline.
    """
    count = len(head.faces)
    bearing = _bearing(head)
    weight = np.zeros((len(seen), count), np.float32)
    triangles, places, beside = [], [], 0.0
    for row, sighting in enumerate(seen):
        worth = _worth(sighting, detail_share)
        on = sighting.raster.hit & (sighting.alpha > _HEAD)
        weight[row] = np.bincount(sighting.raster.triangles[on], worth[on], minlength=count)
        pixels, anchors = _beside(sighting, bearing, frames, reach)
        beside += float(worth.ravel()[pixels].sum()) / len(seen)
        thinned = slice(None, None, max(1, -(-len(pixels) // _PLACES)))
        mine, place = _ride(head, sighting, frames, pixels[thinned], anchors[thinned])
        triangles.append(mine)
        places.append(place)
    outline = Outline(torch.cat(triangles), torch.cat(places), beside)
    return Importance(torch.from_numpy(_top(weight)), outline)


def _bearing(head: HeadModel) -> np.ndarray:  # (F,) bool
    """Tell which triangles hair may ride on: those that no expression moves."""
    still = np.zeros(head.n_vertices, bool)
    for name in _HAIR_RIDES_ON:
        if name in head.regions:
            still[head.regions[name].cpu().numpy()] = True
    return still[head.faces.cpu().numpy()].all(axis=1)


def _worth(sighting: Sighting, detail_share: float) -> np.ndarray:  # (h, w), mean about 1 over the head
    grey = cv2.cvtColor(sighting.colour, cv2.COLOR_RGB2GRAY)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    head = sighting.alpha > _HEAD
    mean = float(slope[head].mean()) if head.any() else 0.0
    detail = np.minimum(slope / max(mean, 1e-6), _DETAIL_LIMIT)
    return ((1 - detail_share) + detail_share * detail).astype(np.float32)


def _beside(
    sighting: Sighting,
    bearing: np.ndarray,  # (F,) bool
    frames: FrameSource,
    reach: float,  # metres
) -> tuple[np.ndarray, np.ndarray]:  # (P,) pixels beside the mesh, (P,) the pixel of it that carries each
    """Find the head's pixels beside the mesh. Close by any triangle carries them, further off one that holds still."""
    hit = sighting.raster.hit
    focal = frames.camera.focal_length * max(frames.camera.width, frames.camera.height)
    left = ~hit & (sighting.alpha > _HEAD)
    pixels, anchors = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    still = hit & bearing[np.maximum(sighting.raster.triangles, 0)]
    for carriers, limit in ((hit, min(_CLOSE, reach)), (still, reach)):
        if not carriers.any() or limit <= 0:
            continue
        # Carriers are 0 in this picture, so that every label is one of their pixels.
        distance, labels = cv2.distanceTransformWithLabels(
            (~carriers).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        place = np.zeros(int(labels.max()) + 1, np.int64)
        place[labels[carriers]] = np.flatnonzero(carriers)
        nearest = place[labels]
        found = left & (distance * sighting.raster.depth.ravel()[nearest] / focal <= limit)
        pixels.append(np.flatnonzero(found))
        anchors.append(nearest[found])
        left &= ~found
    return np.concatenate(pixels), np.concatenate(anchors)


def _ride(
    head: HeadModel,
    sighting: Sighting,
    frames: FrameSource,
    pixels: np.ndarray,  # (P,)
    anchors: np.ndarray,  # (P,)
) -> tuple[Tensor, Tensor]:  # (P,) triangles, (P, 3) places in their frames
    """Carry pixels to the depth of their anchors, and into the frames of the anchors' triangles."""
    device = head.faces.device
    triangles = torch.from_numpy(sighting.raster.triangles.ravel()[anchors].astype(np.int64)).to(device)
    depth = torch.from_numpy(sighting.raster.depth.ravel()[anchors]).to(device)
    row, column = np.divmod(pixels, frames.window.width)
    camera, window = frames.camera, frames.window
    focal = camera.focal_length * max(camera.width, camera.height)
    x = (torch.from_numpy(column).to(depth) + 0.5 + window.x - camera.width / 2) * depth / focal
    y = (camera.height / 2 - window.y - torch.from_numpy(row).to(depth) - 0.5) * depth / focal
    points = torch.stack((x, y, CAMERA_DISTANCE - depth), dim=-1)
    return triangles, to_local(triangle_frames(sighting.vertices[None], head.faces[triangles]), points)


def _top(values: np.ndarray) -> np.ndarray:  # (T, F) -> (F,)
    """Mean over the frames in which the value is largest."""
    most = max(1, round(_TOP_SHARE * len(values)))
    return np.partition(values, -most, axis=0)[-most:].mean(axis=0)
