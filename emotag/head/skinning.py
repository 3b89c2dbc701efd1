"""Linear blend skinning with pose correctives (FLAME's order of operations)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emotag.head.rotation import axis_angle_to_matrix

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
) -> Tensor:  # (B, V, 3)
    """Pose a head: shape and expression offsets, pose correctives, then skinning about the shaped joints.

    Joints come from the shaped template without expression, as in FLAME; `rotation` turns about the root joint.
    """
    batch = expression.shape[0]
    shaped = model.shaped(shape)
    if shaped.dim() == 2:
        shaped = shaped.expand(batch, -1, -1)
    joints = torch.einsum("jv,bvc->bjc", model.joint_regressor, shaped)

    pose = torch.cat((rotation, neck_pose, jaw_pose, eyes_pose), dim=1).reshape(batch, 5, 3)
    rotations = axis_angle_to_matrix(pose)  # (B, 5, 3, 3)
    identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
    features = (rotations[:, 1:] - identity).reshape(batch, 36)

    offsets = torch.cat((expression, features), dim=1)
    basis = torch.cat((model.expression_basis, model.pose_basis)).reshape(offsets.shape[1], -1)
    rest = shaped + (offsets @ basis).reshape(batch, -1, 3)

    turn, shift = _joint_transforms(rotations, joints)
    blended_turn = torch.einsum("vj,bjrc->bvrc", model.skinning, turn)
    blended_shift = torch.einsum("vj,bjc->bvc", model.skinning, shift)
    posed = (blended_turn @ rest[..., None]).squeeze(-1) + blended_shift
    return posed + translation[:, None]


def _joint_transforms(
    rotations: Tensor,  # (B, J, 3, 3) local
    joints: Tensor,  # (B, J, 3) rest
) -> tuple[Tensor, Tensor]:  # (B, J, 3, 3), (B, J, 3): x -> turn x + shift
    from emotag.head.model import PARENTS

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
