"""A person's first splats: where they are placed, and the colours that the video gives them."""

import numpy as np
import torch
from torch import Tensor, nn

from emotag.avatar import Person, neutral_head
from emotag.head.mesh_render import NO_TRIANGLE
from emotag.head.model import HeadModel
from emotag.splats.mouth_region import interior_triangles, tooth_triangles
from emotag.splats.rig import to_world, triangle_frames
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import SH_DC, Splats
from emotag.training.clip import ClipFeatures, FrameSource
from emotag.training.sightings import Sighting, importance, sightings, standing_in_head

FACING = 0.15
"""Cosine between a triangle's normal and the direction to the camera above which a frame shows its colour."""

COVERED = 0.9
"""Head alpha above which a pixel's colour is the head's own and not mixed with what is behind."""

HIDDEN_BY = 0.004
"""Metres that a splat may lie behind the surface a pixel sees and still be what it shows; tracking errs as much."""

MEDIAN_ROUNDS = 12
MEDIAN_FLOOR = 0.01
"""The median is found by reweighting; distances below this (of 0-1) count as this."""

UNSEEN_TEETH, UNSEEN_INTERIOR = 0.7, 0.4
"""First colours of what no frame shows of the mouth, as shares of the head's: teeth grey, the rest as dark flesh."""


def initial_splats(
    head: HeadModel, person: Person, features: ClipFeatures, frames: FrameSource, settings: SplatSettings
) -> Splats:
    """Place a person's splats where some frame can show them, and colour them from the video."""
    seen = list(sightings(head, person, features, frames, settings.colour_frames))
    worth = importance(head, seen, frames, settings.detail_share, settings.outline_reach)
    faced = torch.zeros_like(interior_triangles(head))
    for sighting in seen:
        faced |= facing_cosine(sighting.vertices[None], head.faces)[0] > -FACING
    keep = (faced | interior_triangles(head)) & standing_in_head(head, seen, frames)
    chosen = worth if settings.allocation == "visible" else None
    splats = sample_splats(head, neutral_head(head, person), settings, ~keep, chosen).to(person.shape.device)
    initialise_colours(head, splats, frames, seen)
    return splats


def facing_cosine(
    vertices: Tensor,  # (B, V, 3) metres
    faces: Tensor,  # (F, 3)
) -> Tensor:  # (B, F)
    """Cosine between each triangle's normal and the direction to the camera at (0, 0, 1)."""
    first, second, third = vertices[:, faces].unbind(dim=2)
    normal = nn.functional.normalize(torch.linalg.cross(second - first, third - first), dim=-1, eps=1e-20)
    towards = vertices.new_tensor([0.0, 0.0, 1.0]) - (first + second + third) / 3
    return (normal * nn.functional.normalize(towards, dim=-1)).sum(-1)


@torch.no_grad()
def initialise_colours(head: HeadModel, splats: Splats, frames: FrameSource, seen: list[Sighting]) -> None:
    """Give each splat the median colour of the pixels it stands on, over frames that show it.

    A frame shows a splat whose triangle faces the camera, before which no other surface lies, and which stands well
    inside the head's matte. What no frame shows takes the mean colour of the head; in the mouth, greyer or darker.
    """
    mouth = interior_triangles(head)
    samples, weights = zip(*(_sample(head, splats, mouth, frames, sighting) for sighting in seen))
    colour, weight = torch.stack(samples), torch.stack(weights)  # (T, N, 3), (T, N)
    median = weighted_median(colour, weight)
    known = weight.sum(0) > 0
    rest = median[known].mean(dim=0) if known.any() else median.new_full((3,), 0.5)
    interior, teeth = mouth[splats.binding], tooth_triangles(head)[splats.binding]
    unseen = torch.where(interior[:, None], UNSEEN_INTERIOR * rest, rest)
    unseen = torch.where(teeth[:, None], UNSEEN_TEETH * rest.mean(), unseen)
    splats.sh[:, 0] = (torch.where(known[:, None], median, unseen) - 0.5) / SH_DC


def weighted_median(
    values: Tensor,  # (T, N, C)
    weights: Tensor,  # (T, N) ≥ 0
) -> Tensor:  # (N, C), 0 where all weights are
    """Give the weighted geometric median over T, by Weiszfeld's rounds from the weighted mean.

    A colour is one value: medians by channel would make colours that no frame shows.
    """
    pull = weights
    middle = values.new_zeros(values.shape[1:])
    for _ in range(MEDIAN_ROUNDS):
        middle = (values * pull[..., None]).sum(0) / pull.sum(0).clamp_min(1e-12)[..., None]
        distance = torch.linalg.vector_norm(values - middle, dim=-1)
        pull = weights / distance.clamp_min(MEDIAN_FLOOR)
    return middle


def _sample(
    head: HeadModel, splats: Splats, interior: Tensor, frames: FrameSource, sighting: Sighting
) -> tuple[Tensor, Tensor]:  # (N, 3), (N,)
    """Read one frame at the splats: colours, and how well the frame shows each (0: not at all)."""
    vertices, faces = sighting.vertices[None], head.faces[splats.binding]
    centres, _, _ = to_world(triangle_frames(vertices, faces), splats.means, splats.quaternions, splats.scales)
    pixels, depth = frames.camera.project(centres[0])
    pixels = pixels - pixels.new_tensor([frames.window.x, frames.window.y])
    size = pixels.new_tensor([frames.window.width, frames.window.height])
    image = np.concatenate((sighting.colour, sighting.alpha[..., None]), axis=-1)
    stacked = torch.from_numpy(image).to(depth).permute(2, 0, 1)[None]
    sampled = nn.functional.grid_sample(stacked, (pixels / size * 2 - 1)[None, None], align_corners=False)[0, :, 0].T

    nearest = torch.minimum(pixels.clamp_min(0), size - 1).long()
    row, column = nearest[:, 1], nearest[:, 0]
    surface = torch.from_numpy(sighting.raster.depth).to(depth)[row, column]  # infinite beside the mesh
    front = torch.from_numpy(sighting.raster.triangles).to(row)[row, column]
    beside = front == NO_TRIANGLE
    facing = facing_cosine(vertices, faces)[0]
    # Teeth are nearer to the lips than tracking is exact: they show only where the mesh's mouth is open.
    open_to_view = torch.where(interior[splats.binding], interior[front] & ~beside, depth < surface + HIDDEN_BY)
    inside = ((pixels >= 0) & (pixels < size)).all(dim=-1)
    shows = inside & open_to_view & ((facing > FACING) | beside) & (sampled[:, 3] > COVERED)
    return sampled[:, :3], facing.clamp_min(FACING) * shows
