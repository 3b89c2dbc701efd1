"""Posing one person's head again and again: what does not change from step to step is computed once.

`HeadModel.vertices` is the reference: it evaluates shape, joints and every rotation each time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.head.skinning import joint_transforms
from emotag.head.tree import JOINTS, PARENTS
from emotag.training.clip import HeadPose

_JAW = JOINTS.index("jaw")
_JAW_FEATURES = slice(9 * (_JAW - 1), 9 * _JAW)  # columns of R − I that are the jaw's


@dataclass(frozen=True)
class TrackedJoints:
    """The joints of a clip's frames as tracked: all but the jaw, which the motion moves."""

    turn: Tensor  # (T, 5, 3, 3) rest pose → world; the jaw's are its parent's, the neck
    shift: Tensor  # (T, 5, 3) metres, translation included
    change: Tensor  # (T, 36) R − I of neck, jaw (zeros), left eye, right eye, row-major

    def __getitem__(self, index: Tensor | slice) -> "TrackedJoints":
        return TrackedJoints(self.turn[index], self.shift[index], self.change[index])


@dataclass(frozen=True)
class RestHead:
    """A person's head before expression and pose."""

    template: Tensor  # (V, 3) metres, of the person's shape
    joints: Tensor  # (5, 3) metres
    directions: Tensor  # (E + 36, 3 V): expressions, then correctives of (R − I)
    skinning: Tensor  # (V, 5), rows sum to 1

    @staticmethod
    @torch.no_grad()
    def of(
        head: HeadModel,
        shape: Tensor,  # (S,)
        offset: Tensor | None = None,  # (V, 3) metres, rest pose; joints stay where the shape puts them
    ) -> "RestHead":
        """Evaluate a shape, which gets no gradient."""
        shaped = head.shaped(shape)
        return RestHead(
            shaped if offset is None else shaped + offset,
            head.joint_regressor @ shaped,
            torch.cat((head.expression_basis.flatten(1), head.pose_basis.flatten(1))),
            head.skinning,
        )

    @torch.no_grad()
    def track(self, pose: HeadPose) -> TrackedJoints:
        """Work out where tracking puts the joints of T frames."""
        frames = len(pose.rotation)
        still = torch.zeros_like(pose.rotation)
        angles = torch.cat((pose.rotation, pose.neck_pose, still, pose.eyes_pose), dim=1)
        local = axis_angle_to_matrix(angles.reshape(frames, len(PARENTS), 3))
        turn, shift = joint_transforms(local, self.joints.expand(frames, -1, -1))
        identity = torch.eye(3, dtype=local.dtype, device=local.device)
        # Skinning weights sum to 1, so the translation may move the joints instead of the vertices.
        return TrackedJoints(turn, shift + pose.translation[:, None], (local[:, 1:] - identity).reshape(frames, -1))

    def vertices(
        self,
        joints: TrackedJoints,  # B frames
        expression: Tensor,  # (B, E)
        jaw: Tensor,  # (B, 3) axis-angle, radians
    ) -> Tensor:  # (B, V, 3) metres, world
        """Pose the head: `HeadModel.vertices` of this person. Differentiable in expression and jaw."""
        batch = len(expression)
        rotation = axis_angle_to_matrix(jaw)
        parent, origin = joints.turn[:, _JAW], joints.shift[:, _JAW]
        pivot = self.joints[_JAW]
        turned = parent @ rotation
        shifted = origin + (parent - turned) @ pivot  # the jaw turns about its joint, then goes where the neck does
        turn = torch.cat((joints.turn[:, :_JAW], turned[:, None], joints.turn[:, _JAW + 1 :]), dim=1)
        shift = torch.cat((joints.shift[:, :_JAW], shifted[:, None], joints.shift[:, _JAW + 1 :]), dim=1)

        opening = (rotation - _identity(rotation)).flatten(1)
        change = (joints.change[:, : _JAW_FEATURES.start], opening, joints.change[:, _JAW_FEATURES.stop :])
        rest = torch.addmm(self.template.reshape(1, -1), torch.cat((expression, *change), dim=1), self.directions)
        columns = turn.permute(0, 3, 1, 2).reshape(batch, 3, -1)
        moved = torch.baddbmm(shift.reshape(batch, 1, -1), rest.reshape(batch, -1, 3), columns)  # (B, V, 15)
        return (moved.reshape(batch, -1, len(PARENTS), 3) * self.skinning[..., None]).sum(dim=2)


def _identity(like: Tensor) -> Tensor:  # (3, 3)
    return torch.eye(3, dtype=like.dtype, device=like.device)
