"""The lips of several people's windows in one computation."""

import torch
from torch import Tensor

from emotag.head.lips import Lips
from emotag.head.rotation import axis_angle_to_matrix


def lip_points(
    lips: list[Lips],  # W people, of one head model
    expression: Tensor,  # (W, L, E)
    jaw: Tensor,  # (W, L, 3) axis-angle, radians
) -> Tensor:  # (W, L, 20, 3) metres, each in its head's own frame
    """Give the lip landmarks of each person's window: `Lips.points` of them all."""
    if all(one is lips[0] for one in lips):
        return lips[0].points(expression, jaw)
    change = axis_angle_to_matrix(jaw) - torch.eye(3, dtype=jaw.dtype, device=jaw.device)  # (W, L, 3, 3)
    offset = expression @ torch.stack([one.expression_basis.flatten(1) for one in lips])
    offset = torch.baddbmm(offset, change.flatten(-2), torch.stack([one.jaw_basis.flatten(1) for one in lips]))
    corners = torch.stack([one.rest for one in lips])[:, None] + offset.unflatten(-1, (-1, 3))  # (W, L, 20·3, 3)
    joint = torch.stack([one.jaw_joint for one in lips])[:, None, None]
    weight = torch.stack([one.jaw_weight for one in lips])[:, None, :, None]
    corners = corners + weight * ((corners - joint) @ change.transpose(-1, -2))
    return (corners.unflatten(-2, (-1, 3)) * lips[0].weights[..., None]).sum(-2)
