"""Linear blend skinning with pose correctives (FLAME's order of operations)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emotag.head.rotation import axis_angle_to_matrix
from emotag.head.tree import PARENTS

if TYPE_CHECKING:
    from emotag.head.model import HeadModel


def skin(
    model: "HeadModel",
    shape: Tensor,  # (S,) or (B, S)
    expression: Tensor,  # (B, E)
    jaw_pose: Tensor,  # (B, 3) axis-angle, radians
    neck_pose: Tensor,  # (B, 3)
    eyes_pose: Tensor,  # (B, 6) left, right
    rotation: Tensor,  # (B, 3)
    translation: Tensor,  # (B, 3) metres
    offset: Tensor | None = None,  # (V, 3) metres, rest pose
) -> Tensor:  # (B, V, 3)
    """Pose a head: shape and expression offsets, pose correctives, then skinning about the shaped joints.

    Joints come from the shaped template without expression, as in FLAME, and without the person's `offset`, so that
    hair does not move the neck; `rotation` turns about the root joint.
    A shape (S,) that the batch shares is evaluated once.
    """
    batch = expression.shape[0]
    shaped = model.shaped(shape)  # (V, 3) or (B, V, 3)
    joints = (model.joint_regressor @ shaped).expand(batch, -1, -1)

    pose = torch.cat((rotation, neck_pose, jaw_pose, eyes_pose), dim=1).reshape(batch, len(PARENTS), 3)
    rotations = axis_angle_to_matrix(pose)  # (B, 5, 3, 3)
    identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
    features = (rotations[:, 1:] - identity).reshape(batch, -1)

    offsets = expression @ model.expression_basis.flatten(1)
    offsets = torch.addmm(offsets, features, model.pose_basis.flatten(1))
    rest = (shaped if offset is None else shaped + offset) + offsets.reshape(batch, -1, 3)

    # Every joint moves every vertex, side by side in one product (B, V, 3) @ (B, 3, 15), and the weights blend them:
    # far less work than a matrix per vertex.
    turn, shift = joint_transforms(rotations, joints)
    moved = torch.baddbmm(shift.reshape(batch, 1, -1), rest, turn.permute(0, 3, 1, 2).reshape(batch, 3, -1))
    posed = (moved.reshape(batch, -1, len(PARENTS), 3) * model.skinning[..., None]).sum(dim=2)
    return posed + translation[:, None]


def joint_transforms(
    rotations: Tensor,  # (B, J, 3, 3) local
    joints: Tensor,  # (B, J, 3) rest
) -> tuple[Tensor, Tensor]:  # (B, J, 3, 3), (B, J, 3)
    """Give each joint's transform of the rest pose along the kinematic tree: x → turn x + shift."""
    turns: list[Tensor] = []
    shifts: list[Tensor] = []
    for joint, parent in enumerate(PARENTS):
        local = rotations[:, joint]
        pivot = joints[:, joint]
        local_shift = pivot - (local @ pivot[..., None]).squeeze(-1)
        if parent < 0:
            turns.append(local)
            shifts.append(local_shift)
        else:
            turns.append(turns[parent] @ local)
            shifts.append((turns[parent] @ local_shift[..., None]).squeeze(-1) + shifts[parent])
    return torch.stack(turns, dim=1), torch.stack(shifts, dim=1)
