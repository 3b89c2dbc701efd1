"""FLAME posed exactly as its own code poses it, which differs from its paper in where the joints are."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emotag.head.model import HeadModel


@dataclass(frozen=True)
class FlamePose:
    """A FLAME head whose joints follow expression and static offset.

    In FLAME's paper the joints depend on the shape alone, and so they do in `HeadModel.vertices`. FLAME's released code
    regresses them from the vertices after shape, expression *and* the person's static offset, and so do VHAP and
    GaussianAvatars, whose parameters were fitted to that. Read as coefficients of a larger shape, the expression moves
    the joints here too.
    """

    head: HeadModel  # shape_basis: shape, then expression; no expression of its own

    @staticmethod
    def of(
        head: HeadModel,
        offset: Tensor | None = None,  # (V, 3) metres, rest pose
    ) -> "FlamePose":
        """Make it from a head model, with a person's static offset built in."""
        return FlamePose(
            replace(
                head,
                template=head.template if offset is None else head.template + offset,
                shape_basis=torch.cat((head.shape_basis, head.expression_basis)),
                expression_basis=head.expression_basis[:0],
            )
        )

    def vertices(
        self,
        shape: Tensor,  # (S,)
        expression: Tensor,  # (B, E)
        jaw_pose: Tensor,  # (B, 3) axis-angle, radians
        neck_pose: Tensor,  # (B, 3)
        eyes_pose: Tensor,  # (B, 6) left, right
        rotation: Tensor,  # (B, 3)
        translation: Tensor,  # (B, 3) metres
    ) -> Tensor:  # (B, V, 3) metres
        """Pose the head; arguments as `HeadModel.vertices`."""
        both = self._both(shape, expression)
        none = expression[:, :0]
        return self.head.vertices(both, none, jaw_pose, neck_pose, eyes_pose, rotation, translation)

    def root(
        self,
        shape: Tensor,  # (S,)
        expression: Tensor,  # (B, E)
    ) -> Tensor:  # (B, 3) metres
        """Give the root joint of the rest pose, about which `rotation` turns."""
        basis = torch.einsum("v,svc->sc", self.head.joint_regressor[0], self.head.shape_basis)
        return self.head.joint_regressor[0] @ self.head.template + self._both(shape, expression) @ basis

    @staticmethod
    def _both(shape: Tensor, expression: Tensor) -> Tensor:  # (B, S + E)
        return torch.cat((shape.expand(len(expression), -1), expression), dim=1)
