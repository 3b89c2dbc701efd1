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
        turn, shift = rigid_step(shrunk, image, depth, alpha, intrinsics, pool, pivot, settings)
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
    x = (columns - intrinsics[0, 2])[None, None, :, None] / focal * depth
    y = (rows - intrinsics[1, 2])[None, :, None, None] / focal * depth
    arm = torch.cat((x, y, depth), dim=-1) - pivot[:, None, None]
    moved = torch.cat((_turning(arm), torch.eye(3, device=arm.device).expand(*arm.shape[:-1], 3, 3)), dim=-1)
    nearness = 1 / depth.clamp_min(0.1)
    sight = torch.cat((x, y), dim=-1) * nearness
    flow = (focal / pool) * nearness[..., None] * (moved[..., :2, :] - sight[..., None] * moved[..., 2:, :])

    slope = torch.stack(_gradient((image + truth) / 2), dim=-1)  # (B, h, w, 3, 2)
    jacobian = -slope @ flow  # (B, h, w, 3, 6)
    residual = truth - image
    seen = alpha > OPAQUE
    weight = seen / (1 + (torch.linalg.vector_norm(residual, dim=-1, keepdim=True) / settings.knee).square())
    weighted = (jacobian * weight[..., None]).reshape(batch, -1, 6).transpose(1, 2)
    unit = torch.tensor([TURN_UNIT] * 3 + [SHIFT_UNIT] * 3, device=image.device)
    pixels = seen.sum((1, 2, 3))
    held = (settings.damping**2 + _TINY) * pixels.clamp_min(1)
    damping = held[:, None, None] * torch.diag(1 / unit.square())
    normal = weighted @ jacobian.reshape(batch, -1, 6) + damping
    step = torch.linalg.solve(normal, weighted @ residual.reshape(batch, -1, 1)).squeeze(-1)
    step = step * (pixels >= FEWEST)[:, None]
    return step[:, :3], step[:, 3:]


def _turning(arm: Tensor) -> Tensor:  # (..., 3) -> (..., 3, 3)
    """Give M with M ω = ω × arm."""
    x, y, z = arm.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack((zero, z, -y, -z, zero, x, y, -x, zero), dim=-1).unflatten(-1, (3, 3))


def _gradient(image: Tensor) -> tuple[Tensor, Tensor]:  # (B, h, w, C) -> twice the same, a pixel to the right and down
    padded = F.pad(image.movedim(-1, 1), (1, 1, 1, 1), mode="replicate").movedim(1, -1)
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return across, down


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
