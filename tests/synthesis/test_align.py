"""A head that stands wrong is set right by its own picture."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.synthetic import World, make_world
from emotag.avatar import frozen_motion, neutral_head
from emotag.posing import RestHead
from emotag.splats.rig import triangle_frames
from emotag.synthesis.align import FEWEST, aligned_cues, rigid_step
from emotag.synthesis.drive import Cues, render_sequence, speak
from emotag.synthesis.footage import Footage, whole_frame
from emotag.synthesis.settings import AlignmentSettings
from emotag.synthesis.store import Avatar
from emotag.training.clip import ClipFeatures, HeadPose
from tests.avatars import DEVICES, device_named, drawn_avatar

SIDE, FRAMES = 96, 6
SETTINGS = AlignmentSettings(rounds=4, side=SIDE, damping=0.0)


@dataclass(frozen=True)
class Filmed:
    """An avatar, where it stands, and the frames that show it there, over black."""

    world: World
    avatar: Avatar
    footage: Footage

    @property
    def features(self) -> ClipFeatures:
        return self.world.scene.shots[0].features

    def moved(self, turn: float, shift: float) -> ClipFeatures:
        """Say that it stands elsewhere."""
        pose = self.features.pose
        noise = torch.randn(2, FRAMES, 3, generator=torch.Generator().manual_seed(3)).to(pose.rotation.device)
        wrong = replace(pose, rotation=pose.rotation + turn * noise[0], translation=pose.translation + shift * noise[1])
        return replace(self.features, pose=wrong)

    def aligned(self, features: ClipFeatures, footage: Footage | None = None, **changes: Any) -> Cues:
        settings = SETTINGS.model_copy(update=changes)
        return aligned_cues(self.world.head, self.avatar, features, footage or self.footage, settings)

    def off(self, one: HeadPose, other: HeadPose | None = None) -> float:
        """How far vertices stand apart in the picture: mean distance in pixels."""
        rest, person = RestHead.of(self.world.head, self.world.scene.person.shape), self.world.scene.person
        face = frozen_motion(person, FRAMES)
        pixels = [
            self.world.camera.project(rest.vertices(rest.track(pose), face.expression, face.jaw))[0]
            for pose in (one, other or self.features.pose)
        ]
        return float((pixels[0] - pixels[1]).norm(dim=-1).mean())


@pytest.fixture(scope="module", params=DEVICES)
def filmed(request: pytest.FixtureRequest) -> Filmed:
    device = device_named(request.param)
    world = make_world(SIDE, 1500, FRAMES, device)
    splats, person = world.scene.splats, world.scene.person
    place = triangle_frames(neutral_head(world.head, person)[None], world.head.faces).centre[0, splats.binding]
    with torch.no_grad():  # something to hold on to
        waves = 200 * torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).to(device)
        splats.sh[:, 0] = torch.sin(place @ waves)
        splats.opacity_logits.fill_(4.0)
    avatar = drawn_avatar(world, moving=False)

    features = world.scene.shots[0].features
    motion = speak(avatar, features.audio, Cues(features.pose, features.upper_face))
    frames, mask = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8), np.zeros((FRAMES, SIDE, SIDE), np.uint8)
    footage = Footage(frames, mask, mask, frames[0])
    renders = render_sequence(world.head, avatar, motion, features.pose, world.camera, whole_frame(footage))
    colour, alpha = (torch.cat(rows) for rows in zip(*((one.colour, one.alpha) for one in renders)))
    frames, mask = (
        (255 * values.clamp(0, 1)).round().byte().cpu().numpy()
        for values in (colour / alpha.clamp_min(1e-3), alpha[..., 0])
    )
    return Filmed(world, avatar, Footage(frames, mask, mask, frames[0]))


def test_a_wrong_pose_is_found_again(filmed: Filmed) -> None:
    wrong = filmed.moved(turn=0.01, shift=0.002)
    cues = filmed.aligned(wrong)
    assert filmed.off(cues.pose) < 0.25 * filmed.off(wrong.pose)
    assert torch.equal(cues.pose.neck_pose, wrong.pose.neck_pose)
    assert torch.equal(cues.upper_face, wrong.upper_face)


def test_a_right_pose_stays(filmed: Filmed) -> None:
    assert filmed.off(filmed.aligned(filmed.features).pose) < 0.03


def test_something_before_the_face_hardly_drags_the_head_along(filmed: Filmed) -> None:
    frames = filmed.footage.frames.copy()
    frames[:, 44:60, 36:60] = (0, 255, 0)
    covered = replace(filmed.footage, frames=frames)
    robust, trusting = (filmed.aligned(filmed.features, covered, knee=knee).pose for knee in (0.1, 1e3))
    assert filmed.off(robust) < 0.7 * filmed.off(trusting)


def test_no_rounds_are_the_tracker(filmed: Filmed) -> None:
    assert filmed.aligned(filmed.features, rounds=0).pose is filmed.features.pose


def test_a_head_out_of_reach_stays_where_it_was(filmed: Filmed) -> None:
    pose = filmed.features.pose
    far = replace(pose, translation=pose.translation + pose.translation.new_tensor([0.5, 0.0, 0.0]))
    cues = filmed.aligned(replace(filmed.features, pose=far))
    torch.testing.assert_close(cues.pose.translation, far.translation)
    torch.testing.assert_close(cues.pose.rotation, far.rotation)


def test_damping_holds_the_head_back(filmed: Filmed) -> None:
    wrong = filmed.moved(turn=0.01, shift=0.002)
    held, free = (filmed.aligned(wrong, damping=damping).pose for damping in (10.0, 0.0))
    assert filmed.off(held, wrong.pose) < 0.1 * filmed.off(free, wrong.pose)


def test_a_step_moves_a_plane_by_what_it_is_off() -> None:
    """A textured wall 1 m away, shifted by half a pixel to the right and a quarter of one down."""
    size, focal = 64, 64.0
    ys, xs = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")

    def wall(right: float, down: float) -> torch.Tensor:
        x, y = xs - right, ys - down
        waves = torch.stack((torch.sin(x / 3) * torch.cos(y / 5), torch.cos(x / 4 + y / 6), torch.sin(y / 3)), dim=-1)
        return 0.5 + 0.3 * waves[None]

    intrinsics = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    opaque = torch.ones(1, size, size, 1)
    pivot = torch.tensor([[0.0, 0.0, 1.0]])
    turn, shift = rigid_step(wall(0.5, 0.25), wall(0, 0), opaque, opaque, intrinsics, 1, pivot, SETTINGS)
    torch.testing.assert_close(shift[0, :2], torch.tensor([0.5, 0.25]) / focal, rtol=0.1, atol=3e-4)
    assert turn.abs().max() < 3e-3
    few = torch.zeros_like(opaque)
    few[:, 0, : FEWEST - 1] = 1
    turn, shift = rigid_step(wall(0.5, 0.25), wall(0, 0), opaque, few, intrinsics, 1, pivot, SETTINGS)
    assert turn.abs().max() == shift.abs().max() == 0
