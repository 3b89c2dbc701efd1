"""A person's head as splats: from a motion and a pose to pixels."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.motion.mouth import MouthOffsets
from emotag.splats.posed import pose_splats
from emotag.splats.rasterize import Render, rasterize
from emotag.splats.splats import Splats
from emotag.timing import section
from emotag.training.clip import HeadPose, Window


@dataclass(frozen=True)
class Person:
    """What is constant about a person."""

    name: str
    shape: Tensor  # (S,) β
    focal_length: float  # normalised, of the clip the avatar was made from
    neutral_expression: Tensor  # (E,) Ψ at rest
    neutral_jaw: Tensor  # (3,) radians
    identity: Tensor  # (Di,) unit embedding
    static_offset: Tensor | None = None  # (V, 3) metres, rest pose: hair and ears off the head model


@dataclass(frozen=True)
class FaceMotion:
    """What the face does: the mesh's part and, when predicted, the mouth splats' own."""

    expression: Tensor  # (B, E) Ψ
    jaw: Tensor  # (B, 3) radians
    mouth: MouthOffsets | None = None


def frozen_motion(person: Person, frames: int) -> FaceMotion:
    """Give the face at rest for a number of frames: the baseline that every result is measured against."""
    return FaceMotion(person.neutral_expression.expand(frames, -1), person.neutral_jaw.expand(frames, -1))


def pose_head(head: HeadModel, person: Person, motion: FaceMotion, pose: HeadPose) -> Tensor:
    """Give the posed mesh (B, V, 3), metres, world."""
    return head.vertices(
        person.shape, motion.expression, motion.jaw, pose.neck_pose, pose.eyes_pose, pose.rotation, pose.translation,
        person.static_offset,
    )  # fmt: skip


def neutral_head(head: HeadModel, person: Person) -> Tensor:
    """Give the person's resting mesh (V, 3) in the head's own frame."""
    rest = frozen_motion(person, 1)
    zero = torch.zeros(1, 3, device=person.shape.device)
    return pose_head(head, person, rest, HeadPose(zero, zero, zero, zero.repeat(1, 2)))[0]


def render_head(
    head: HeadModel,
    splats: Splats,
    vertices: Tensor,  # (B, V, 3) metres
    motion: FaceMotion,
    pose: HeadPose,
    camera: Camera,
    window: Window,
    *,
    with_geometry: bool = False,
) -> Render:
    """Render the window of the frame; with geometry also expected depth and, as features, world normals.

    Colours are premultiplied; `Render.over` adds a background.
    """
    return render_posed(
        splats, vertices, head.faces, pose.rotation, motion.mouth, camera, window, with_geometry=with_geometry
    )


def render_posed(
    splats: Splats,
    vertices: Tensor,  # (B, V, 3) metres
    faces: Tensor,  # (F, 3)
    rotation: Tensor,  # (B, 3) axis-angle or (B, 3, 3): how the head is turned
    mouth: MouthOffsets | None,
    camera: Camera,
    window: Window,
    *,
    with_geometry: bool = False,
) -> Render:
    """Render posed heads: see `render_head`."""
    view, intrinsics = optics(camera, window, vertices.device)
    with section("posing"):
        posed = pose_splats(splats, vertices, faces, rotation, mouth, view_matrix=view if with_geometry else None)
    with section("rasterizer"):
        return rasterize(
            posed.means,
            posed.quaternions,
            posed.scales,
            splats.opacities,
            splats.sh,
            view,
            intrinsics,
            window.width,
            window.height,
            with_depth=with_geometry,
            features=posed.normals,
        )


@lru_cache(maxsize=256)
def optics(camera: Camera, window: Window, device: torch.device) -> tuple[Tensor, Tensor]:  # (4, 4), (3, 3)
    """Give view matrix and intrinsics of a window; kept, since sending them to the device makes the host wait."""
    return camera.view_matrix(device), window.intrinsics(camera, device)
