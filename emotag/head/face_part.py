"""Lips or lids of one person as a function of expression and jaw: a few vertices instead of the whole head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.head.tree import JOINTS

_JAW = JOINTS.index("jaw")
_JAW_FEATURES = slice(9 * (_JAW - 1), 9 * _JAW)  # rows of the pose basis


@dataclass(frozen=True)
class FacePart:
    """What L of the 68 landmarks need of a person's head. Corners: the three vertices of each landmark's triangle."""

    rest: Tensor  # (L·3, 3) metres: corners of the shaped template
    expression_basis: Tensor  # (E, L·3, 3)
    jaw_basis: Tensor  # (9, L·3, 3) correctives of (R_jaw − I)
    jaw_weight: Tensor  # (L·3,) skinning weight of the jaw
    jaw_joint: Tensor  # (3,) metres
    weights: Tensor  # (L, 3) barycentric

    @staticmethod
    def of(head: HeadModel, shape: Tensor, rows: slice) -> "FacePart":
        """Cut these rows of the 68 landmarks out of a head of this shape (S,)."""
        corners = head.faces[head.landmarks68.triangles[rows]].flatten()
        shaped = head.shaped(shape)
        return FacePart(
            shaped[corners],
            head.expression_basis[:, corners],
            head.pose_basis[_JAW_FEATURES][:, corners],
            head.skinning[corners, _JAW],
            head.joint_regressor[_JAW] @ shaped,
            head.landmarks68.weights[rows],
        )

    def points(
        self,
        expression: Tensor,  # (..., E)
        jaw: Tensor,  # (..., 3) axis-angle, radians
    ) -> Tensor:  # (..., L, 3) metres, the head's own frame
        """Give the landmarks of a head that does not turn: `HeadModel.vertices` at these points."""
        change = axis_angle_to_matrix(jaw) - torch.eye(3, dtype=jaw.dtype, device=jaw.device)
        count = len(self.rest)
        offset = expression @ self.expression_basis.flatten(1) + change.flatten(-2) @ self.jaw_basis.flatten(1)
        corners = self.rest + offset.unflatten(-1, (count, 3))
        turned = (corners - self.jaw_joint) @ change.transpose(-1, -2)
        corners = corners + self.jaw_weight[:, None] * turned
        return (corners.unflatten(-2, (-1, 3)) * self.weights[..., None]).sum(-2)

    def reach(self) -> Tensor:  # (E,) metres
        """How far one unit of each expression moves the landmark that it moves most."""
        moved = self.expression_basis.unflatten(1, (-1, 3)) * self.weights[..., None]
        return torch.linalg.vector_norm(moved.sum(2), dim=-1).amax(1)
