"""Joints and skinning of the open head."""

import numpy as np

from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.regress import affine_weights

_SKULL_PLANE = (-0.0995, -0.245)
"""Height at z = 0 (metres) and rise per metre forwards of the plane above which the neck is skull."""
_TRUNK_PLANE = (-0.1415, 0.23)
"""The same for the plane below which the neck is trunk: through the base of the neck."""
_JOINT_REACH = 0.025
"""Metres: how far from a joint the vertices may lie that place it."""


def head_fraction(
    points: np.ndarray,  # (N, 3) metres
) -> np.ndarray:  # (N,) 0 on the trunk, 1 on the skull
    """How far a point of the skin follows the neck joint."""
    low, high = (height + slope * points[:, 2] for height, slope in (_TRUNK_PLANE, _SKULL_PLANE))
    share = np.clip((points[:, 1] - low) / np.maximum(high - low, 1e-4), 0, 1)
    return share * share * (3 - 2 * share)


def skinning(
    surface: HeadSurface,
    jaw: np.ndarray,  # (V,) share of the jaw's turn
) -> np.ndarray:  # (V, 5), rows sum to 1
    """Root, neck, jaw, left eye, right eye."""
    head = np.ones(len(surface.vertices))
    skin = surface.part == Part.SKIN
    head[skin] = head_fraction(surface.vertices[skin])
    weights = np.stack((1 - head, head * (1 - jaw), head * jaw, 0 * head, 0 * head), axis=1)
    weights[surface.part == Part.LEFT_EYE] = (0, 0, 0, 1, 0)
    weights[surface.part == Part.RIGHT_EYE] = (0, 0, 0, 0, 1)
    return weights


def joint_regressor(
    surface: HeadSurface,
    regions: dict[str, np.ndarray],
) -> np.ndarray:  # (5, V), rows sum to 1
    """Joints as affine combinations of vertices around them, so that they move with the identity."""
    vertices = surface.vertices
    skin = np.flatnonzero(surface.part == Part.SKIN)
    slab = skin[np.abs(vertices[skin, 1] - surface.neck_joint[1]) < _JOINT_REACH]
    around_hinge = np.linalg.norm(vertices[skin, 1:] - surface.jaw_hinge[1:], axis=1) < _JOINT_REACH
    beside = skin[around_hinge & (np.abs(vertices[skin, 0]) > _JOINT_REACH)]
    placed = (
        (regions["neck_bottom"], surface.neck_base),
        (np.intersect1d(slab, regions["neck"]), surface.neck_joint),
        (beside, surface.jaw_hinge),
        (regions["left_eye"], surface.eye_centres[0]),
        (regions["right_eye"], surface.eye_centres[1]),
    )
    regressor = np.zeros((len(placed), len(vertices)))
    for joint, (ids, target) in enumerate(placed):
        regressor[joint, ids] = affine_weights(vertices[ids], target)
    return regressor
