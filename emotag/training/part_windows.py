"""Lips or lids of several people's windows in one computation."""

import torch
from torch import Tensor

from emotag.head.face_part import FacePart
from emotag.head.rotation import axis_angle_to_matrix


def part_points(
    parts: list[FacePart],  # one part of W people, of one head model
    expression: Tensor,  # (W, L, E)
    jaw: Tensor,  # (W, L, 3) axis-angle, radians
) -> Tensor:  # (W, L, P, 3) metres, each in its head's own frame
    """Give the landmarks of each person's window: `FacePart.points` of them all."""
    if all(one is parts[0] for one in parts):
        return parts[0].points(expression, jaw)
    change = axis_angle_to_matrix(jaw) - torch.eye(3, dtype=jaw.dtype, device=jaw.device)  # (W, L, 3, 3)
    offset = expression @ torch.stack([one.expression_basis.flatten(1) for one in parts])
    offset = torch.baddbmm(offset, change.flatten(-2), torch.stack([one.jaw_basis.flatten(1) for one in parts]))
    corners = torch.stack([one.rest for one in parts])[:, None] + offset.unflatten(-1, (-1, 3))  # (W, L, P·3, 3)
    joint = torch.stack([one.jaw_joint for one in parts])[:, None, None]
    weight = torch.stack([one.jaw_weight for one in parts])[:, None, :, None]
    corners = corners + weight * ((corners - joint) @ change.transpose(-1, -2))
    return (corners.unflatten(-2, (-1, 3)) * parts[0].weights[..., None]).sum(-2)
