"""A first head pose per frame in closed form, and the focal length that goes with it."""

import torch
from torch import Tensor

from emotag.camera import CAMERA_DISTANCE
from emotag.head.rotation import matrix_to_axis_angle
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.rig import N_LANDMARKS, ROTATION, TRANSLATION, LandmarkRig


def similarity(
    source: Tensor,  # (N, 3)
    target: Tensor,  # (T, N, 3)
) -> tuple[Tensor, Tensor, Tensor]:  # (T,) scale, (T, 3, 3) rotation, (T, 3) shift
    """Least-squares similarity `target ≈ scale · rotation · source + shift` of every frame (Umeyama 1991)."""
    source_mean, target_mean = source.mean(0), target.mean(1)
    centred, aimed = source - source_mean, target - target_mean[:, None]
    covariance = aimed.transpose(-1, -2) @ centred  # (T, 3, 3)
    left, singular, right = torch.linalg.svd(covariance)
    sign = torch.ones_like(singular)
    sign[:, 2] = torch.sign(torch.linalg.det(left @ right))
    rotation = left @ (sign[..., None] * right)
    scale = (singular * sign).sum(-1) / centred.square().sum()
    shift = target_mean - scale[:, None] * (rotation @ source_mean)
    return scale, rotation, shift


def neutral_landmarks(rig: LandmarkRig) -> Tensor:  # (468, 3)
    """Give the neutral landmarks in the rest pose."""
    return rig.base.sum(dim=0)[:N_LANDMARKS]


def first_focal_length(rig: LandmarkRig, observations: Observations) -> float:
    """Give the normalised focal length at which the head, standing at the origin, has its size in the image.

    The head's size in metres and the camera's distance of 1 m fix it; landmarks hardly say more (see ShapeSettings).
    """
    source = neutral_landmarks(rig)
    scale = similarity(source, upright(observations.points))[0][observations.valid].median()
    depth = CAMERA_DISTANCE - source[:, 2].mean()
    return float(scale * depth) / max(observations.width, observations.height)


def first_motion(
    rig: LandmarkRig,  # of a person
    observations: Observations,
    focal_length: float,
) -> Tensor:  # (T, P)
    """Give head poses from a similarity between the neutral landmarks and Face Mesh's own 3D, everything else zero."""
    source = neutral_landmarks(rig)
    scale, rotation, shift = similarity(source, upright(observations.points))
    focal = focal_length * max(observations.width, observations.height)
    # Scaled orthography: the face's centre stands where the focal length over the scale says.
    depth = focal / scale
    centre = (rotation @ source.mean(0)) * scale[:, None] + shift
    x = (centre[:, 0] - observations.width / 2) * depth / focal
    y = (centre[:, 1] + observations.height / 2) * depth / focal
    world = torch.stack((x, y, CAMERA_DISTANCE - depth), dim=-1)
    root = rig.joints[0]
    motion = source.new_zeros(len(observations), rig.n_motion)
    motion[:, ROTATION] = matrix_to_axis_angle(rotation)
    motion[:, TRANSLATION] = world - (rotation @ (source.mean(0) - root)) - root
    return motion


def upright(points: Tensor) -> Tensor:  # (..., 3)
    """Image axes (y down, z away from the camera) to world axes, or back."""
    return points * points.new_tensor([1.0, -1.0, -1.0])
