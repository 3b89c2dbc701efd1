"""Where the head ends: the line of the tracked neck, and what of a person lies above it."""

import numpy as np
import torch

from emotag.head.model import JOINTS, HeadModel
from emotag.perception.tracking.track import Track

_BATCH = 64  # frames posed at once
_SMOOTHING = 4  # passes of the binomial filter around the ring
_SHOULDER_SLOPE = 1.0  # how steeply the line rises beyond the neck, where shoulders are
_JAW_WEIGHT = 0.5  # skinning by the jaw from which skin is chin
_CHIN_MARGIN = 0.012  # of the picture's side: kept between chin and line
_CHIN_SPREAD = 0.03  # of the picture's side: a chin's vertices stand in for the skin around them
_INTERIOR = ("mouth_interior", "left_eye", "right_eye")  # regions that are not skin


def neck_ring(
    head: HeadModel,  # with the regions neck_bottom and neck
    lift: float,  # 0: the open lower boundary; 1: the height of the neck's joint
) -> torch.Tensor:  # (N,) vertex ids, in order around
    """Find a ring around the neck above its open boundary, where collar and shoulders are out of the way.

    Each vertex of the boundary is carried up the neck (from root joint to neck joint) and snapped to the skin there.
    """
    bottom = head.regions["neck_bottom"]
    template = head.template
    joints = head.joint_regressor @ template
    wanted = template[bottom] + lift * (joints[1] - joints[0])
    inside = torch.cat([head.regions[name] for name in _INTERIOR if name in head.regions])
    skin = torch.ones(len(template), dtype=torch.bool)
    skin[inside] = False
    candidates = skin.nonzero().squeeze(-1)
    return candidates[torch.cdist(wanted, template[candidates]).argmin(dim=1)]


def neck_rings(
    head: HeadModel,  # with the region neck_bottom
    track: Track,  # of T frames
    resolution: int,  # side of the crop, pixels
    lift: float = 0.0,
) -> np.ndarray:  # (T, N, 2) pixels
    """Project the tracked ring around the neck into every frame; a raised one is bent to pass under the chin.

    A jaw that drops, or a head that nods, would else reach below the line, and be taken for torso.
    """
    ring, chin = neck_ring(head, lift), _chin(head)
    camera = track.camera(resolution, resolution)
    rings, chins = [], []
    with torch.no_grad():
        for start in range(0, len(track), _BATCH):
            points = track.vertices(head, slice(start, start + _BATCH))
            rings.append(camera.project(points[:, ring])[0])
            chins.append(camera.project(points[:, chin])[0])
    projected = torch.cat(rings).cpu().numpy()
    if lift == 0:
        return projected
    return _smoothed(below_chin(projected, torch.cat(chins).cpu().numpy(), resolution))


def _chin(head: HeadModel) -> torch.Tensor:  # (M,) vertex ids
    """Give the skin that moves with the jaw."""
    moves = head.skinning[:, JOINTS.index("jaw")] > _JAW_WEIGHT
    for name in _INTERIOR:
        if name in head.regions:
            moves[head.regions[name]] = False
    return moves.nonzero().squeeze(-1)


def below_chin(
    rings: np.ndarray,  # (T, N, 2) pixels
    chin: np.ndarray,  # (T, M, 2) pixels
    resolution: int,  # side of the picture, pixels
) -> np.ndarray:  # (T, N, 2) pixels
    """Lower the points of the rings that are not a margin below the chin."""
    if not chin.shape[1]:
        return rings
    lowered = rings.copy()
    for ring, points in zip(lowered, chin):  # a frame at a time: rings times chins would be large
        beside = np.abs(points[:, 0] - ring[:, :1]) < _CHIN_SPREAD * resolution  # (N, M)
        lowest = np.where(beside, points[:, 1], -np.inf).max(axis=1)
        ring[:, 1] = np.maximum(ring[:, 1], lowest + _CHIN_MARGIN * resolution)
    return lowered


def _smoothed(
    rings: np.ndarray,  # (T, N, 2)
) -> np.ndarray:  # (T, N, 2)
    """Even out the steps between the mesh's coarse vertices, around the ring."""
    for _ in range(_SMOOTHING):
        rings = (np.roll(rings, 1, axis=1) + 2 * rings + np.roll(rings, -1, axis=1)) / 4
    return rings


def neck_line(
    ring: np.ndarray,  # (N, 2) pixels: the projected ring under the neck, in order around
) -> np.ndarray:  # (M, 2) pixels, x ascending
    """Give the visible lower edge of the ring as a polyline across the picture.

    The ring's near half hides its far half. Seen from the height of a head the near half lies lower in the picture, so
    that the line is the largest y of the ring at every x.
    """
    following = np.roll(ring, -1, axis=0)
    left, right = ring[:, 0].min(), ring[:, 0].max()
    columns = np.linspace(left, right, max(2, int(np.ceil(right - left)) + 1))
    low_x, high_x = np.minimum(ring[:, 0], following[:, 0]), np.maximum(ring[:, 0], following[:, 0])
    spans = (columns[:, None] >= low_x - 1e-6) & (columns[:, None] <= high_x + 1e-6)  # (M, N)
    run = following[:, 0] - ring[:, 0]
    steep = np.abs(run) < 1e-9
    share = np.where(steep, 0.0, (columns[:, None] - ring[:, 0]) / np.where(steep, 1.0, run))
    height = ring[:, 1] + np.clip(share, 0, 1) * (following[:, 1] - ring[:, 1])
    height = np.where(steep, np.maximum(ring[:, 1], following[:, 1]), height)
    return np.stack((columns, np.where(spans, height, -np.inf).max(axis=1)), axis=1)


def head_alpha(
    person: np.ndarray,  # (H, W) uint8: alpha of the person
    line: np.ndarray,  # (M, 2) pixels, x ascending
    softness: float,  # pixels over which the head fades out
) -> np.ndarray:  # (H, W) uint8
    """Keep of the person what lies above the line; beyond its ends, where shoulders are, it rises."""
    height, width = person.shape
    columns = np.arange(width) + 0.5
    beyond = np.maximum(line[0, 0] - columns, columns - line[-1, 0]).clip(0)
    edge = np.interp(columns, line[:, 0], line[:, 1]) - _SHOULDER_SLOPE * beyond
    rows = np.arange(height)[:, None] + 0.5
    above = np.clip((edge - rows) / max(softness, 1e-6) + 0.5, 0, 1)
    return np.round(person * above).astype(np.uint8)
