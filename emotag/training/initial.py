"""A person's first splats: where they are placed, and the colours that the video gives them."""

import torch
from torch import Tensor, nn

from emotag.avatar import FaceMotion, Person, neutral_head, pose_head
from emotag.head.model import HeadModel
from emotag.splats.rig import triangle_frames
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import SH_DC, Splats
from emotag.training.clip import ClipFeatures, ClipFrames

COLOUR_FRAMES = 12
"""Frames from which a splat's first colour is averaged."""

FACING = 0.15
"""Cosine between a triangle's normal and the direction to the camera above which a frame shows its colour."""


def initial_splats(
    head: HeadModel, person: Person, features: ClipFeatures, frames: ClipFrames, settings: SplatSettings
) -> Splats:
    """Place a person's splats where some frame can show them, and colour them from the video."""
    keep = _facing(head, person, features) | _interior_triangles(head)
    splats = sample_splats(head, neutral_head(head, person), settings, excluded=~keep).to(person.shape.device)
    initialise_colours(head, person, splats, features, frames)
    return splats


def _tracked(features: ClipFeatures, index: Tensor) -> FaceMotion:
    return FaceMotion(features.expression[index], features.jaw[index])


def _spread(features: ClipFeatures, count: int) -> Tensor:
    valid = features.valid.nonzero().squeeze(-1)
    picked = torch.linspace(0, len(valid) - 1, min(count, len(valid)), device=valid.device).round().long()
    return valid[picked]


@torch.no_grad()
def _facing(head: HeadModel, person: Person, features: ClipFeatures) -> Tensor:
    """Which triangles turn to the camera in some frame: (F,) bool."""
    index = _spread(features, COLOUR_FRAMES)
    vertices = pose_head(head, person, _tracked(features, index), features.pose[index])
    return (facing_cosine(vertices, head.faces) > -FACING).any(dim=0)


def facing_cosine(
    vertices: Tensor,  # (B, V, 3) metres
    faces: Tensor,  # (F, 3)
) -> Tensor:  # (B, F)
    """Cosine between each triangle's normal and the direction to the camera at (0, 0, 1)."""
    frames = triangle_frames(vertices, faces)
    towards = vertices.new_tensor([0.0, 0.0, 1.0]) - frames.centre
    return (frames.rotation[..., 1] * nn.functional.normalize(towards, dim=-1)).sum(-1)


def _interior_triangles(head: HeadModel) -> Tensor:
    inside = torch.zeros(head.n_vertices, dtype=torch.bool, device=head.template.device)
    interior = head.regions.get("mouth_interior")
    if interior is not None:
        inside[interior] = True
    return inside[head.faces].all(dim=1)


@torch.no_grad()
def initialise_colours(
    head: HeadModel, person: Person, splats: Splats, features: ClipFeatures, frames: ClipFrames
) -> None:
    """Give each splat the mean colour of the pixels it stands on, over frames in which its triangle faces the camera.

    Splats that no frame shows (the mouth's inside, mostly) start with a dark share of the mean colour of the head.
    """
    index = _spread(features, COLOUR_FRAMES)
    colour, alpha = frames.select(index)
    motion, pose = _tracked(features, index), features.pose[index]
    vertices = pose_head(head, person, motion, pose)
    means, _, _ = splats.pose(vertices, head.faces, pose.rotation)
    pixels, _ = frames.camera.project(means)
    window = frames.window
    size = pixels.new_tensor([window.width, window.height])
    grid = (pixels - pixels.new_tensor([window.x, window.y])) / size * 2 - 1
    stacked = torch.cat((colour, alpha), dim=-1).permute(0, 3, 1, 2)
    sampled = nn.functional.grid_sample(stacked, grid[:, :, None], align_corners=False).squeeze(-1)  # (B, 4, N)
    facing = facing_cosine(vertices, head.faces[splats.binding]).clamp_min(0)
    inside_mouth = _interior_triangles(head)[splats.binding]
    weight = torch.where(facing > FACING, facing, 0) * (sampled[:, 3] > 0.9) * ~inside_mouth  # (B, N)
    total = weight.sum(0)
    mean = (sampled[:, :3] * weight[:, None]).sum(0) / total.clamp_min(1e-6)
    seen = total > 0
    rest = mean[:, seen].mean(dim=1, keepdim=True) if seen.any() else mean.new_full((3, 1), 0.5)
    chosen = torch.where(seen, mean, torch.where(inside_mouth, 0.4 * rest, rest))
    splats.sh[:, 0] = (chosen.T - 0.5) / SH_DC
