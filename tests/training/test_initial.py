"""First splats of a person seen in a few drawn frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emotag.avatar import Person, neutral_head
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import SH_DC
from emotag.training.clip import ClipFeatures, ClipFrames, HeadPose, Window
from emotag.training.initial import initial_splats, weighted_median
from emotag.training.sightings import importance, sightings, standing_in_head

SIDE, FRAMES = 128, 6
SKIN, HAIR, NOISE = (0.8, 0.5, 0.4), (0.2, 0.1, 0.1), (0.0, 1.0, 0.0)


def person_of(head: HeadModel) -> Person:
    return Person("p", torch.zeros(head.n_shape), 2.0, torch.zeros(head.n_expression), torch.zeros(3), torch.ones(4))


def features_of(head: HeadModel) -> ClipFeatures:
    turn = torch.zeros(FRAMES, 3)
    turn[:, 1] = torch.linspace(-0.3, 0.3, FRAMES)
    zero = torch.zeros(FRAMES, 3)
    return ClipFeatures(
        "c", "p", HeadPose(turn, zero, zero, torch.zeros(FRAMES, 6)), torch.zeros(FRAMES, head.n_expression), zero,
        torch.zeros(head.n_shape), 2.0, torch.zeros(FRAMES, 4), torch.zeros(FRAMES, 8), torch.zeros(FRAMES, 7),
        torch.zeros(FRAMES), torch.ones(FRAMES, dtype=torch.bool),
    )  # fmt: skip


def frames_of(head: HeadModel, hair: int = 0) -> ClipFrames:
    """The head's silhouette in one colour, a cap of hair `hair` pixels high on it, over green."""
    camera = Camera(2.0, SIDE, SIDE)
    blank = ClipFrames(
        Window(0, 0, SIDE, SIDE),
        camera,
        torch.zeros(FRAMES, SIDE, SIDE, 3, dtype=torch.uint8),
        torch.zeros(FRAMES, SIDE, SIDE, 1, dtype=torch.uint8),
    )
    for row, sighting in enumerate(sightings(head, person_of(head), features_of(head), blank, FRAMES)):
        hit = torch.from_numpy(sighting.raster.hit)
        cap = torch.zeros_like(hit)
        for step in range(1, hair + 1):
            cap |= torch.roll(hit, -step, dims=0)
        image = torch.tensor(NOISE).repeat(SIDE, SIDE, 1)
        image[cap & ~hit] = torch.tensor(HAIR)
        image[hit] = torch.tensor(SKIN)
        blank.colour[row] = (image * 255).round().byte()
        blank.head_alpha[row, ..., 0] = ((hit | cap) * 255).byte()
    return blank


def test_colours_are_those_of_the_video(synthetic_head: HeadModel) -> None:
    """Also with something before the face in one frame, which a mean would mix in."""
    frames = frames_of(synthetic_head)
    frames.colour[2] = 0
    splats = initial_splats(
        synthetic_head, person_of(synthetic_head), features_of(synthetic_head), frames, SplatSettings(count=2000)
    )
    colour = splats.sh[:, 0].detach() * SH_DC + 0.5
    off = (colour - torch.tensor(SKIN)).abs().amax(1)
    assert off.quantile(0.95) < 0.02  # pixels of the outline hold some of what is behind


def test_hair_beside_the_mesh_gets_splats_there(synthetic_head: HeadModel) -> None:
    scalp = (synthetic_head.template[:, 1] > 0).nonzero().squeeze(-1)
    synthetic_head = replace(synthetic_head, regions=synthetic_head.regions | {"scalp": scalp})
    person, features, frames = person_of(synthetic_head), features_of(synthetic_head), frames_of(synthetic_head, hair=4)
    settings = SplatSettings(count=4000)
    splats = initial_splats(synthetic_head, person, features, frames, settings)
    rest = neutral_head(synthetic_head, person)
    means = splats.pose(rest[None], synthetic_head.faces, torch.zeros(1, 3))[0][0].detach()
    above = means[:, 1] > rest[:, 1].max() + 1e-3
    assert above.sum() > 10
    assert means[:, 1].max() < rest[:, 1].max() + 5 / SIDE / 2 + 1e-3  # four pixels at one metre, focal length 2
    colour = splats.sh[:, 0].detach() * SH_DC + 0.5
    assert (colour[above] - torch.tensor(HAIR)).abs().mean() < 0.1
    flat = initial_splats(synthetic_head, person, features, frames, settings.model_copy(update={"outline_reach": 0.0}))
    assert flat.pose(rest[None], synthetic_head.faces, torch.zeros(1, 3))[0][0, :, 1].max() < rest[:, 1].max() + 1e-3


def test_splats_stand_where_the_video_shows_them(synthetic_head: HeadModel) -> None:
    """None on the back of the head, none below the matte's neck line."""
    person, features, frames = person_of(synthetic_head), features_of(synthetic_head), frames_of(synthetic_head)
    neck = SIDE * 5 // 8
    frames.head_alpha[:, neck:] = 0
    splats = initial_splats(synthetic_head, person, features, frames, SplatSettings(count=2000))
    rest = neutral_head(synthetic_head, person)
    means = splats.pose(rest[None], synthetic_head.faces, torch.zeros(1, 3))[0][0].detach()
    assert means[:, 2].min() > -0.08
    pixels, _ = frames.camera.project(means)
    assert pixels[:, 1].max() < neck + 0.04 * SIDE
    seen = list(sightings(synthetic_head, person, features, frames, FRAMES))
    assert 0 < int(standing_in_head(synthetic_head, seen, frames).sum()) < len(synthetic_head.faces)


def test_detail_draws_splats(synthetic_head: HeadModel) -> None:
    person, features, frames = person_of(synthetic_head), features_of(synthetic_head), frames_of(synthetic_head)
    rng = np.random.default_rng(0)
    patch = torch.from_numpy(rng.integers(0, 255, (FRAMES, 12, 12, 3), dtype=np.uint8))
    middle = slice(SIDE // 2 - 6, SIDE // 2 + 6)
    frames.colour[:, middle, middle] = patch
    seen = list(sightings(synthetic_head, person, features, frames, FRAMES))
    even, drawn = (importance(synthetic_head, seen, frames, share, 0.0).weight for share in (0.0, 1.0))
    front = torch.from_numpy(np.unique(seen[3].raster.triangles[middle, middle]))
    assert drawn[front].sum() / drawn.sum() > 2 * even[front].sum() / even.sum()


def test_weighted_median_is_no_mean() -> None:
    values = torch.tensor([[0.1, 0.2, 0.3]]).repeat(7, 1)[:, None].clone()
    values[5:] = 1.0
    weights = torch.ones(7, 1)
    assert weighted_median(values, weights)[0].tolist() == pytest.approx([0.1, 0.2, 0.3], abs=0.01)
    weights[:5] = 0.0
    assert weighted_median(values, weights)[0].tolist() == pytest.approx([1.0, 1.0, 1.0], abs=0.01)
    assert weighted_median(values, torch.zeros(7, 1))[0].tolist() == [0, 0, 0]
