import pytest
import torch

from benchmarks.synthetic import make_world
from emotag.synthesis.drive import Cues, render_sequence, speak
from emotag.synthesis.live import Live
from emotag.training.clip import Window
from tests.avatars import DEVICES, device_named, drawn_avatar


@pytest.mark.parametrize("device", DEVICES)
def test_the_newest_frame_is_the_last_of_the_sequence(device: str) -> None:
    world = make_world(64, 500, 20, device_named(device))
    avatar = drawn_avatar(world)
    features, window = world.scene.shots[0].features, Window(0, 0, 64, 64)
    live = Live(world.head, avatar, world.camera, window)
    for last in (12, 15, 20):
        rows = slice(last - 12, last)
        cues = Cues(features.pose[rows], features.upper_face[rows])
        motion = speak(avatar, features.audio[rows], cues)
        *_, expected = render_sequence(world.head, avatar, motion, cues.pose, world.camera, window, batch=1)
        got = live.render(features.audio[rows], cues)
        torch.testing.assert_close(got.colour, expected.colour, atol=1e-4, rtol=1e-4)
        assert (got.alpha > 0.5).any()
