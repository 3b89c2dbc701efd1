"""The landmarks of a head as their own small model: position and exact derivatives, without posing the mesh.

A landmark is a weighted mean of three skinned vertices, and each vertex is a weighted mean over joints of a rigidly
moved linear offset. Both means commute, so the landmark is `Σ_j turn_j x_j + s_j shift_j`, where `x_j` (the corners,
weighted by their skinning to joint j) is linear in shape, expression and pose features. That makes the Jacobian a
batch of small matrix products.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emotag.camera import CAMERA_DISTANCE
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.head.skinning import joint_transforms

ROTATION = slice(0, 3)
TRANSLATION = slice(3, 6)
JAW = slice(6, 9)
EYES = slice(9, 15)
EXPRESSION = slice(15, None)
N_POSE = 15
"""The motion vector of a frame: rotation, translation, jaw, eyes (left, right), expression.

The neck is not in it: landmarks see only the sum of the neck's and the head's rotation, so the tracker keeps
`neck_pose` at zero and gives the whole turn to `rotation`.
"""

_MOVING = (0, 2, 3, 4)  # joints whose angles are in the motion: root, jaw, eyes
_SMALL_ANGLE = 1e-2  # radians, below which series replace the quotients

N_LANDMARKS = 468
LEFT_IRIS, RIGHT_IRIS = 468, 469
"""Rows of the two iris centres behind the 468 landmarks."""


@dataclass(frozen=True)
class LandmarkRig:
    """Points of a head's surface, of one person once `of_person` was called.

    `landmark_rig` gives the 468 landmarks and two iris centres (K = 470), `point_rig` any points.
    """

    base: Tensor  # (J, K, 3) metres, corners weighted by barycentric and skinning weights, summed
    shape_basis: Tensor  # (S, J, K, 3)
    expression_basis: Tensor  # (E, J, K, 3)
    pose_basis: Tensor  # (36, J, K, 3)
    skin: Tensor  # (J, K), sums to 1 over J
    joints: Tensor  # (J, 3) rest
    joint_basis: Tensor  # (S, J, 3)
    normals: Tensor  # (K, 3) unit, rest pose
    closed: Tensor  # (K, 3) metres, rest pose: how far shutting both eyes moves each landmark; 0 if it has no blink
    has_iris: bool  # False when the head has no eyeballs: the last two rows are then meaningless

    @property
    def n_motion(self) -> int:
        """P: length of a motion vector."""
        return N_POSE + self.expression_basis.shape[0]

    def of_person(
        self,
        shape: Tensor,  # (S,)
        offset: Tensor | None = None,  # (468 or K, 3) metres, rest pose: where this person's points lie off the head's
    ) -> "LandmarkRig":
        """Give the rig with the shape (and the person's constant landmark offsets) built in."""
        base = self.base + torch.einsum("s,sjkc->jkc", shape, self.shape_basis)
        if offset is not None:
            padded = torch.cat((offset, offset.new_zeros(self.base.shape[1] - len(offset), 3)))
            base = base + self.skin[..., None] * padded
        return replace(self, base=base, joints=self.joints + torch.einsum("s,sjc->jc", shape, self.joint_basis))

    def with_normals(
        self,
        normals: Tensor,  # (K, 3) unit, rest pose
    ) -> "LandmarkRig":
        """Give the rig with a person's own normals."""
        return replace(self, normals=normals)


def landmark_rig(head: HeadModel) -> LandmarkRig:
    """Restrict a head model to its 468 landmarks and its iris centres (the front of each eyeball)."""
    embedding = head.landmarks468
    corners = head.faces[embedding.triangles]  # (468, 3)
    weights = embedding.weights.to(head.template)
    left, right = _front(head, "left_eye"), _front(head, "right_eye")
    has_iris = left is not None and right is not None
    for vertex in (left, right):
        corners = torch.cat((corners, torch.full_like(corners[:1], vertex if vertex is not None else 0)))
        weights = torch.cat((weights, weights.new_tensor([[1.0, 0.0, 0.0]])))
    return replace(point_rig(head, corners, weights), has_iris=has_iris)


def point_rig(
    head: HeadModel,
    corners: Tensor,  # (K, 3) vertex ids
    weights: Tensor,  # (K, 3) barycentric
) -> LandmarkRig:
    """Restrict a head model to any points of its surface; the rig has no irises."""
    mixed = weights[..., None] * head.skinning[corners]  # (K, 3, J)

    def restrict(field: Tensor) -> Tensor:  # (..., V, 3) -> (..., J, K, 3)
        return torch.einsum("kaj,...kac->...jkc", mixed, field[..., corners, :])

    a, b, c = (head.template[corners[:, i]] for i in range(3))
    return LandmarkRig(
        base=restrict(head.template),
        shape_basis=restrict(head.shape_basis),
        expression_basis=restrict(head.expression_basis),
        pose_basis=restrict(head.pose_basis),
        skin=mixed.sum(dim=1).T.contiguous(),
        joints=head.joint_regressor @ head.template,
        joint_basis=torch.einsum("jv,svc->sjc", head.joint_regressor, head.shape_basis),
        normals=torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1),
        closed=restrict(_blink(head)).sum(dim=0),
        has_iris=False,
    )


def _blink(head: HeadModel) -> Tensor:  # (V, 3)
    rows = [index for index, name in enumerate(head.expression_names) if name.startswith("eyeBlink")]
    return head.expression_basis[rows].sum(dim=0)


def _front(head: HeadModel, region: str) -> int | None:
    ids = head.regions.get(region)
    if ids is None or len(ids) == 0:
        return None
    return int(ids[head.template[ids, 2].argmax()])


@dataclass(frozen=True)
class Projection:
    """Projected landmarks of T frames and how they change with the motion."""

    pixels: Tensor  # (T, K, 2)
    depth: Tensor  # (T, K) metres along the optical axis
    facing: Tensor  # (T, K) cosine between the surface normal and the direction to the camera
    lens: Tensor  # (T, K, 2, 3) pixels per metre
    blend: Tensor  # (T, K, 3, 3) turn of the surface at the landmark
    jacobian: Tensor | None = None  # (T, K, 2, P) pixels per unit of motion
    depth_jacobian: Tensor | None = None  # (T, K, P) metres per unit of motion
    shape_jacobian: Tensor | None = None  # (T, K, 2, S)


def project_landmarks(
    rig: LandmarkRig,  # of a person
    motion: Tensor,  # (T, P)
    focal_pixels: Tensor,  # ()
    centre: Tensor,  # (2,) pixels
    *,
    derivatives: bool = False,
    shape_derivatives: bool = False,
    depth_derivatives: bool = False,
) -> Projection:
    """Project the landmarks of every frame, with the exact Jacobian in the motion (and the shape) if asked."""
    angles = torch.cat((motion[:, ROTATION], motion[:, JAW], motion[:, EYES]), dim=1)
    turn, shift, features = _transforms(angles, rig.joints)
    n_joints, n_points = rig.skin.shape
    basis = torch.cat((rig.expression_basis, rig.pose_basis))  # (E + 36, J, K, 3)
    coefficients = torch.cat((motion[:, EXPRESSION], features), dim=1)
    local = rig.base + (coefficients @ basis.flatten(1)).reshape(-1, n_joints, n_points, 3)  # (T, J, K, 3)
    blend = torch.einsum("jk,tjrc->tkrc", rig.skin, turn)  # (T, K, 3, 3)
    points = (local @ turn.transpose(-1, -2)).sum(dim=1) + torch.einsum("jk,tjr->tkr", rig.skin, shift)
    points = points + motion[:, None, TRANSLATION]

    depth = CAMERA_DISTANCE - points[..., 2]
    x, y = points[..., 0] / depth, points[..., 1] / depth
    pixels = torch.stack((x, -y), dim=-1) * focal_pixels + centre
    view = torch.nn.functional.normalize(torch.stack((-x, -y, torch.ones_like(x)), dim=-1), dim=-1)
    facing = ((blend @ rig.normals[..., None]).squeeze(-1) * view).sum(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    lens = torch.stack((one, zero, x, zero, -one, -y), dim=-1).reshape(*x.shape, 2, 3)
    lens = lens * (focal_pixels / depth)[..., None, None]
    if not derivatives:
        return Projection(pixels, depth, facing, lens, blend)

    rows = lens  # (T, K, R, 3): R = 2 pixels, and depth when asked
    if depth_derivatives:
        forward = torch.tensor([0.0, 0.0, -1.0], dtype=lens.dtype, device=lens.device)
        rows = torch.cat((lens, forward.expand(*x.shape, 1, 3)), dim=-2)
    angle_turn, angle_shift, angle_features = _transform_derivatives(angles, rig.joints)

    by_basis = _through_joints(rows, turn, basis)  # (T, K, R, E + 36)
    n_expression = rig.expression_basis.shape[0]
    moved = torch.einsum("tajrc,tjkc->tkra", angle_turn, local)  # (T, K, 3, A)
    moved = moved + torch.einsum("jk,tajr->tkra", rig.skin, angle_shift)
    by_angle = rows @ moved + by_basis[..., n_expression:] @ angle_features.transpose(-1, -2)[:, None]
    jacobian = torch.cat((by_angle[..., :3], rows, by_angle[..., 3:], by_basis[..., :n_expression]), dim=-1)
    by_shape = _shape_jacobian(rig, lens, turn) if shape_derivatives else None
    by_depth = jacobian[..., 2, :] if depth_derivatives else None
    return Projection(pixels, depth, facing, lens, blend, jacobian[..., :2, :], by_depth, by_shape)


def _through_joints(
    rows: Tensor,  # (T, K, R, 3)
    turn: Tensor,  # (T, J, 3, 3)
    basis: Tensor,  # (B, J, K, 3)
) -> Tensor:  # (T, K, R, B)
    frames, n_points, n_rows, _ = rows.shape
    left = torch.einsum("tkrc,tjcd->ktrjd", rows, turn).reshape(n_points, frames * n_rows, -1)
    right = basis.permute(2, 1, 3, 0).reshape(n_points, left.shape[-1], -1)
    return torch.bmm(left, right).reshape(n_points, frames, n_rows, -1).transpose(0, 1)


def _shape_jacobian(rig: LandmarkRig, lens: Tensor, turn: Tensor) -> Tensor:
    # For fixed rotations the joints' shifts are linear in the joints, so a basis of joints gives a basis of shifts.
    frames, n_shape = turn.shape[0], rig.shape_basis.shape[0]
    local = _local_turns(turn)
    repeated = local[:, None].expand(-1, n_shape, -1, -1, -1).reshape(frames * n_shape, *local.shape[1:])
    joints = rig.joint_basis.expand(frames, -1, -1, -1).reshape(frames * n_shape, -1, 3)
    shift = joint_transforms(repeated, joints)[1].reshape(frames, n_shape, -1, 3)
    carried = torch.einsum("jk,tsjc->tkcs", rig.skin, shift)
    return _through_joints(lens, turn, rig.shape_basis) + lens @ carried


def _local_turns(turn: Tensor) -> Tensor:  # (T, J, 3, 3) global -> local
    from emotag.head.model import PARENTS

    return torch.stack(
        [turn[:, j] if p < 0 else turn[:, p].transpose(-1, -2) @ turn[:, j] for j, p in enumerate(PARENTS)], dim=1
    )


def _transforms(
    angles: Tensor,  # (T, 12) rotation, jaw, eyes
    joints: Tensor,  # (J, 3)
) -> tuple[Tensor, Tensor, Tensor]:  # (T, J, 3, 3), (T, J, 3), (T, 36) pose features
    rotations = axis_angle_to_matrix(_pose(angles))
    turn, shift = joint_transforms(rotations, joints.expand(len(angles), -1, -1))
    identity = torch.eye(3, dtype=angles.dtype, device=angles.device)
    return turn, shift, (rotations[:, 1:] - identity).reshape(-1, 36)


def _pose(angles: Tensor) -> Tensor:  # (T, 12) -> (T, J, 3), the neck at rest
    neck = torch.zeros_like(angles[:, :3])
    return torch.cat((angles[:, :3], neck, angles[:, 3:]), dim=1).unflatten(1, (-1, 3))


def _transform_derivatives(
    angles: Tensor,  # (T, 12)
    joints: Tensor,  # (J, 3)
) -> tuple[Tensor, Tensor, Tensor]:  # (T, 12, J, 3, 3), (T, 12, J, 3), (T, 12, 36)
    """Give the derivatives of `_transforms`, the angle's axis second.

    Turns and shifts are affine in each joint's rotation matrix on its own, so their derivative is the difference
    between putting that matrix's derivative, and putting zero, in its place.
    """
    frames = len(angles)
    pose = _pose(angles)  # (T, J, 3)
    rotations = axis_angle_to_matrix(pose)
    slopes = rotation_derivatives(pose, rotations)[:, _MOVING].reshape(frames, -1, 3, 3)  # (T, 12, 3, 3)
    joint = torch.tensor(_MOVING).repeat_interleave(3)
    index = torch.arange(len(joint))
    replaced = rotations[:, None].repeat(1, len(joint), 1, 1, 1)  # (T, 12, J, 3, 3)
    replaced[:, index, joint] = slopes
    turn, shift = _batched_transforms(replaced, joints)
    replaced[:, index, joint] = 0.0
    still_turn, still_shift = _batched_transforms(replaced, joints)
    features = slopes.new_zeros(frames, len(joint), len(rotations[0]), 3, 3)
    features[:, index, joint] = slopes
    return turn - still_turn, shift - still_shift, features[:, :, 1:].flatten(2)


def _batched_transforms(rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:  # (T, A, J, 3, 3)
    frames, count = rotations.shape[:2]
    flat = rotations.flatten(0, 1)
    turn, shift = joint_transforms(flat, joints.expand(len(flat), -1, -1))
    return turn.unflatten(0, (frames, count)), shift.unflatten(0, (frames, count))


def rotation_derivatives(
    rotation: Tensor,  # (..., 3) axis-angle, radians
    matrix: Tensor,  # (..., 3, 3) its rotation matrix
) -> Tensor:  # (..., 3, 3, 3): [i] is the derivative by component i
    """Derivative of the rotation matrix by its axis-angle vector, through the left Jacobian of SO(3)."""
    angle = rotation.square().sum(-1)[..., None, None].sqrt()
    small = angle < _SMALL_ANGLE
    safe = torch.where(small, torch.ones_like(angle), angle)
    a = torch.where(small, 0.5 - angle**2 / 24, (1 - safe.cos()) / safe**2)
    b = torch.where(small, 1 / 6 - angle**2 / 120, (safe - safe.sin()) / safe**3)
    cross = _cross(rotation)
    left = torch.eye(3, dtype=rotation.dtype, device=rotation.device) + a * cross + b * (cross @ cross)
    return _cross(left.transpose(-1, -2)) @ matrix[..., None, :, :]


def _cross(vector: Tensor) -> Tensor:  # (..., 3) -> (..., 3, 3)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))
