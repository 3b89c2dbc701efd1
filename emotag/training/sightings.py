"""What a clip shows of a person's mesh: which triangle each pixel sees, and what each triangle is worth."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from emotag.avatar import FaceMotion, Person, pose_head
from emotag.head.mesh_render import Raster, rasterize
from emotag.head.model import HeadModel
from emotag.splats.sampling import Importance
from emotag.training.clip import ClipFeatures, FrameSource

_BATCH = 8  # frames posed and read at once
_HEAD = 0.5  # head alpha above which a pixel shows the head
_NEAR = 0.02  # of the frame's side: triangles this near to the head's matte count as in it
_TOP_SHARE = 0.25  # a triangle counts as in the quarter of the frames that shows it best: teeth show now and then
_DETAIL_LIMIT = 4.0  # an edge is worth at most this many times the mean one: a glint draws no crowd of splats
_FACE_REACH = 0.2  # share of the reach that is allowed off the scalp, where nothing grows and much deforms


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
    focal: float,  # pixels
    detail_share: float,  # 0-1: of a picture's weight, what goes to its edges
    reach: float,  # metres: how far outside of the mesh the head may go on
) -> Importance:
    """Weigh the triangles by the pixels that show them, in the frames that show them best.

    Pixels of the head beside the mesh (hair) count for the triangle of the outline nearest to them, which also says how
    far it has to reach.
    """
    count = len(head.faces)
    inner, outer = np.zeros((2, len(seen), count), np.float32)
    away = np.zeros((len(seen), count), np.float32)
    for row, sighting in enumerate(seen):
        worth = _worth(sighting, detail_share)
        hit = sighting.raster.hit
        on = hit & (sighting.alpha > _HEAD)
        inner[row] = np.bincount(sighting.raster.triangles[on], worth[on], minlength=count)
        triangles, metres, beside = _beside(sighting, hit, focal, reach)
        outer[row] = np.bincount(triangles, worth[beside], minlength=count)
        np.maximum.at(away[row], triangles, metres)
    inside, outside, distance = (_top(values) for values in (inner, outer, away))
    if "scalp" in head.regions:
        hairless = np.ones(head.n_vertices, bool)
        hairless[head.regions["scalp"].cpu().numpy()] = False
        bare = hairless[head.faces.cpu().numpy()].all(axis=1)
        distance = np.where(bare, np.minimum(distance, _FACE_REACH * reach), distance)
    total = inside + outside
    share = np.divide(outside, total, out=np.zeros_like(total), where=total > 0)
    return Importance(*(torch.from_numpy(values) for values in (total, share, distance.astype(np.float32))))


def _worth(sighting: Sighting, detail_share: float) -> np.ndarray:  # (h, w), mean about 1 over the head
    grey = cv2.cvtColor(sighting.colour, cv2.COLOR_RGB2GRAY)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    head = sighting.alpha > _HEAD
    mean = float(slope[head].mean()) if head.any() else 0.0
    detail = np.minimum(slope / max(mean, 1e-6), _DETAIL_LIMIT)
    return ((1 - detail_share) + detail_share * detail).astype(np.float32)


def _beside(
    sighting: Sighting, hit: np.ndarray, focal: float, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # triangles (P,), metres (P,), and the pixels (h, w) bool they are of
    """Find the head's pixels beside the mesh, the nearest triangle of each and how far away it is."""
    none = np.zeros(hit.shape, bool)
    if reach <= 0 or not hit.any():
        return np.zeros(0, np.int64), np.zeros(0, np.float32), none
    # The picture of the mesh is 0 here, so that every label is one of its pixels.
    pixels, labels = cv2.distanceTransformWithLabels(
        (~hit).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[labels[hit]] = np.flatnonzero(hit)
    nearest = place[labels]
    metres = pixels * sighting.raster.depth.ravel()[nearest] / focal
    beside = ~hit & (sighting.alpha > _HEAD) & (metres <= reach)
    return sighting.raster.triangles.ravel()[nearest[beside]].astype(np.int64), metres[beside], beside


def _top(values: np.ndarray) -> np.ndarray:  # (T, F) -> (F,)
    """Mean over the frames in which the value is largest."""
    most = max(1, round(_TOP_SHARE * len(values)))
    return np.partition(values, -most, axis=0)[-most:].mean(axis=0)
