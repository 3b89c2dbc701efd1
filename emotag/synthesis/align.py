"""Setting a tracked head exactly where the frame shows it: the avatar's own splats are registered to the picture.

A tracker fits a mesh with one colour a vertex; the avatar has hair, ears and pores. Forward-additive Lucas-Kanade
(Lucas and Kanade, 1981; Baker and Matthews, 2004), its gradient averaged over both pictures (Benhimane and Malis,
2004): every rendered pixel has a depth, so a small turn and shift of the head say where it goes.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.avatar import optics
from emotag.camera import CAMERA_DISTANCE, Camera
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from emotag.posing import TrackedJoints
from emotag.progress import track
from emotag.splats.posed import PosedSplats
from emotag.synthesis.drive import BATCHES, CPU_BATCH, Cues, HeadRenderer, speak
from emotag.synthesis.footage import Footage, whole_frame
from emotag.synthesis.settings import AlignmentSettings
from emotag.synthesis.store import Avatar
from emotag.training.clip import ClipFeatures, HeadPose

TURN_UNIT, SHIFT_UNIT = 0.02, 0.005
"""Radians and metres that count as one unit of movement."""

FARTHEST = 5.0
"""Units of turn or shift beyond which a frame was not aligned but lost, and keeps the pose it had."""

OPAQUE = 0.5
"""Rendered opacity from which a pixel has a depth."""

FEWEST = 50
"""Compared pixels below which a frame shows too little of a head to be aligned."""

_GREY = 0.5
_TINY = 1e-8  # keeps the equations of a frame without a head solvable
_TO_CAMERA = (1.0, -1.0, -1.0)  # world axes (y up, z towards the camera) to the camera's, and back


@torch.no_grad()
def aligned_cues(
    head: HeadModel,
    avatar: Avatar,
    features: ClipFeatures,  # T frames of the cue clip
    footage: Footage,  # the same frames
    settings: AlignmentSettings,
) -> Cues:
    """Give a clip's cues with the head's pose aligned; as tracked where `settings.rounds` is 0.

    The face is the network's for the clip's own sound: nothing but the pose is taken from the pictures.
    """
    cues = Cues(features.pose, features.upper_face)
    if settings.rounds == 0:
        return cues
    window, device = whole_frame(footage), features.audio.device
    renderer = HeadRenderer(head, avatar, Camera(features.focal_length, window.width, window.height), window)
    motion = speak(avatar, features.audio, cues)
    batch = BATCHES.get(device.type, CPU_BATCH)
    poses = []
    for start in track(range(0, len(features), batch), "aligning the head"):
        part = slice(start, min(start + batch, len(features)))
        face = motion.frames(part)
        truth = _over_grey(footage.frames[part], footage.head_alpha[part], device)
        poses.append(align(renderer, partial(renderer.pose, face), features.pose[part], truth, settings))
    pose = HeadPose(*(torch.cat([getattr(one, field.name) for one in poses]) for field in fields(HeadPose)))
    return Cues(pose, cues.upper_face)


@torch.no_grad()
def align(
    renderer: HeadRenderer,
    moved: Callable[[TrackedJoints], PosedSplats],  # the face of the B frames on posed joints
    pose: HeadPose,  # B frames, as tracked
    truth: Tensor,  # (B, H, W, 3) 0-1: the true head over grey
    settings: AlignmentSettings,
) -> HeadPose:
    """Turn and shift the heads of B frames until they stand where `truth` shows them; neck and eyes stay."""
    pool = max(1, round(max(truth.shape[1:3]) / settings.side))
    axes = pose.rotation.new_tensor(_TO_CAMERA)
    _, intrinsics = optics(renderer.camera, renderer.window, truth.device)
    shrunk, found = _pooled(truth, pool), pose
    for _ in range(settings.rounds):
        joints = renderer.track(found)
        render = renderer.draw(moved(joints), with_depth=True)
        assert render.depth is not None
        alpha = _pooled(render.alpha, pool)
        depth = _pooled(render.depth * render.alpha, pool) / alpha.clamp_min(1e-6)
        image = _pooled(render.over(truth.new_full((3,), _GREY)), pool)
        pivot = renderer.root(joints) * axes
        pivot[:, 2] += CAMERA_DISTANCE
        rows, columns = _around(alpha > OPAQUE)
        centred = intrinsics.clone()
        centred[0, 2] -= columns.start * pool
        centred[1, 2] -= rows.start * pool
        cut = (slice(None), rows, columns)
        turn, shift = rigid_step(shrunk[cut], image[cut], depth[cut], alpha[cut], centred, pool, pivot, settings)
        rotation = axis_angle_to_matrix(turn * axes) @ axis_angle_to_matrix(found.rotation)
        found = HeadPose(
            matrix_to_axis_angle(rotation), found.translation + shift * axes, found.neck_pose, found.eyes_pose
        )
    return _unless_lost(pose, found)


def rigid_step(
    truth: Tensor,  # (B, h, w, 3) 0-1
    image: Tensor,  # (B, h, w, 3) 0-1: rendered
    depth: Tensor,  # (B, h, w, 1) metres along the optical axis
    alpha: Tensor,  # (B, h, w, 1) rendered opacity
    intrinsics: Tensor,  # (3, 3) K of the pictures before they were shrunk
    pool: int,  # how many times they were shrunk
    pivot: Tensor,  # (B, 3) metres, camera axes (x right, y down, z forward): what the head turns about
    settings: AlignmentSettings,
) -> tuple[Tensor, Tensor]:  # (B, 3) radians, (B, 3) metres: small turn and shift, camera axes
    """One Gauss-Newton step of Lucas-Kanade for a rigid head; zeros where a frame has too few pixels."""
    batch, height, width = depth.shape[:3]
    focal = intrinsics[0, 0]
    columns = (torch.arange(width, device=image.device) + 0.5) * pool
    rows = (torch.arange(height, device=image.device) + 0.5) * pool
    x = (columns - intrinsics[0, 2])[None, None, :] / focal * depth[..., 0]
    y = (rows - intrinsics[1, 2])[None, :, None] / focal * depth[..., 0]
    across, down = _flow(torch.stack((x, y, depth[..., 0]), dim=1).flatten(2), pivot, focal / pool)

    residual = truth - image
    seen = alpha > OPAQUE
    weight = seen / (1 + (torch.linalg.vector_norm(residual, dim=-1, keepdim=True) / settings.knee).square())
    # What three colours say of a pixel's shift: two equations (the structure tensor), whatever moves it.
    slope_x, slope_y = _gradient((image + truth) / 2)
    weighted_x, weighted_y = slope_x * weight, slope_y * weight
    xx, xy, yy, x_error, y_error = (
        (one * other).sum(-1).reshape(batch, 1, -1)
        for one, other in (
            (weighted_x, slope_x), (weighted_x, slope_y), (weighted_y, slope_y),
            (weighted_x, residual), (weighted_y, residual),
        )
    )  # fmt: skip
    unit = torch.tensor([TURN_UNIT] * 3 + [SHIFT_UNIT] * 3, device=image.device)
    pixels = seen.sum((1, 2, 3))
    held = (settings.damping**2 + _TINY) * pixels.clamp_min(1)
    damping = held[:, None, None] * torch.diag(1 / unit.square())
    normal = (xx * across + xy * down) @ across.transpose(1, 2) + (xy * across + yy * down) @ down.transpose(1, 2)
    right = -(x_error * across + y_error * down).sum(-1, keepdim=True)
    step = torch.linalg.solve(normal + damping, right).squeeze(-1)
    step = step * (pixels >= FEWEST)[:, None]
    return step[:, :3], step[:, 3:]


def _flow(
    points: Tensor,  # (B, 3, P) metres, camera axes
    pivot: Tensor,  # (B, 3)
    focal: Tensor,  # pixels
) -> tuple[Tensor, Tensor]:  # (B, 6, P) twice: pixels to the right and down for a unit of each turn and shift
    """How fast points move in the picture when they turn about the pivot (radians) and shift (metres)."""
    x, y, z = (points - pivot[:, :, None]).unbind(1)
    nearness = 1 / points[:, 2].clamp_min(0.1)
    right, below = points[:, 0] * nearness, points[:, 1] * nearness
    none, one = torch.zeros_like(x), torch.ones_like(x)
    scale = (focal * nearness)[:, None]
    across = torch.stack((-right * y, z + right * x, -y, one, none, -right), dim=1)
    down = torch.stack((-z - below * y, below * x, x, none, one, -below), dim=1)
    return scale * across, scale * down


def _gradient(image: Tensor) -> tuple[Tensor, Tensor]:  # (B, h, w, C) -> twice the same, a pixel to the right and down
    padded = F.pad(image.movedim(-1, 1), (1, 1, 1, 1), mode="replicate").movedim(1, -1)
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return across, down


def _around(seen: Tensor) -> tuple[slice, slice]:  # (B, h, w, 1) -> rows, columns with all of it and a pixel more
    edges = []
    for axis in (1, 2):
        at = seen.any(dim=3 - axis).any(dim=0).any(dim=-1).nonzero()
        first, last = (int(at[0]), int(at[-1])) if len(at) else (0, 0)
        edges.append(slice(max(0, first - 1), last + 2))
    return edges[0], edges[1]


def _pooled(image: Tensor, pool: int) -> Tensor:  # (B, H, W, C) -> (B, H // pool, W // pool, C)
    return F.avg_pool2d(image.movedim(-1, 1), pool).movedim(1, -1)


def _over_grey(frames: np.ndarray, head_alpha: np.ndarray, device: torch.device) -> Tensor:  # (B, H, W, 3) 0-1
    colour, alpha = (torch.from_numpy(np.array(rows)).to(device).float() / 255 for rows in (frames, head_alpha))
    return torch.lerp(torch.full_like(colour, _GREY), colour, alpha[..., None])


def _unless_lost(pose: HeadPose, found: HeadPose) -> HeadPose:
    """Take back what went too far, or is no number."""
    away = axis_angle_to_matrix(found.rotation) @ axis_angle_to_matrix(pose.rotation).transpose(1, 2)
    turn = torch.linalg.vector_norm(matrix_to_axis_angle(away), dim=-1) / TURN_UNIT
    shift = torch.linalg.vector_norm(found.translation - pose.translation, dim=-1) / SHIFT_UNIT
    near = ((turn < FARTHEST) & (shift < FARTHEST))[:, None]
    return HeadPose(
        torch.where(near, found.rotation, pose.rotation),
        torch.where(near, found.translation, pose.translation),
        pose.neck_pose,
        pose.eyes_pose,
    )
