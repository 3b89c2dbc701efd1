"""Rotations: axis-angle (radians), matrices and quaternions (w, x, y, z)."""

import torch
from torch import Tensor


def axis_angle_to_matrix(
    rotation: Tensor,  # (..., 3) radians
) -> Tensor:  # (..., 3, 3)
    """Rodrigues' formula, with finite gradients at zero."""
    x, y, z = rotation.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).reshape(*rotation.shape[:-1], 3, 3)
    square = (rotation * rotation).sum(-1)[..., None, None]
    small = square < 1e-8
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - square / 6, angle.sin() / angle)
    cosine = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / safe)
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return identity + sine * cross + cosine * (cross @ cross)


def matrix_to_axis_angle(
    matrix: Tensor,  # (..., 3, 3)
) -> Tensor:  # (..., 3) radians, angle in [0, π]
    """Inverse of `axis_angle_to_matrix`, through the quaternion (stable near 0 and π)."""
    quaternion = matrix_to_quaternion(matrix)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    norm = vector.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(norm, w)
    scale = torch.where(norm < 1e-7, torch.full_like(norm, 2.0), angle / norm.clamp_min(1e-12))
    return vector * scale


def matrix_to_quaternion(
    matrix: Tensor,  # (..., 3, 3) rotation
) -> Tensor:  # (..., 4) unit, w >= 0
    """Quaternion of a rotation matrix: of the four equivalent formulas, per element the best conditioned one."""
    m = matrix.reshape(*matrix.shape[:-2], 9)
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = m.unbind(-1)
    candidates = torch.stack(
        (
            torch.stack((1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01), -1),
            torch.stack((m21 - m12, 1 + m00 - m11 - m22, m01 + m10, m02 + m20), -1),
            torch.stack((m02 - m20, m01 + m10, 1 - m00 + m11 - m22, m12 + m21), -1),
            torch.stack((m10 - m01, m02 + m20, m12 + m21, 1 - m00 - m11 + m22), -1),
        ),
        dim=-2,
    )  # (..., 4, 4): row k is the quaternion times 4 q_k
    best = torch.stack((m00 + m11 + m22, m00 - m11 - m22, m11 - m00 - m22, m22 - m00 - m11), -1).argmax(-1)
    chosen = torch.gather(candidates, -2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    unit = torch.nn.functional.normalize(chosen, dim=-1)
    return torch.where(unit[..., :1] < 0, -unit, unit)


def quaternion_to_matrix(
    quaternion: Tensor,  # (..., 4) w x y z, any norm
) -> Tensor:  # (..., 3, 3)
    """Rotation matrix of a quaternion, normalised first."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*quaternion.shape[:-1], 3, 3)


def quaternion_multiply(
    left: Tensor,  # (..., 4) w x y z
    right: Tensor,  # (..., 4)
) -> Tensor:  # (..., 4)
    """Hamilton product: the rotation `right` followed by `left`."""
    aw, ax, ay, az = left.unbind(-1)
    bw, bx, by, bz = right.unbind(-1)
    return torch.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        dim=-1,
    )
