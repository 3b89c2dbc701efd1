import pytest
import torch

from benchmarks.synthetic import make_world
from emotag.motion.settings import MotionSettings
from emotag.motion.store import MotionNote
from emotag.synthesis.drive import Cues, render_sequence, speak
from emotag.synthesis.live import Live
from emotag.synthesis.store import Avatar
from emotag.training.clip import Window
from emotag.training.pretrain import make_network

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
def test_the_newest_frame_is_the_last_of_the_sequence(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    world = make_world(64, 500, 20, torch.device(device))
    torch.manual_seed(0)
    settings = MotionSettings(width=16, heads=2, audio_layers=1, window=12, overlap=4)
    grmn = make_network(settings, [world.scene]).to(device).eval()
    torch.nn.init.normal_(grmn.base.face.weight, std=0.1)  # a network that moves the face
    avatar = Avatar(world.scene.person, world.scene.splats, grmn, MotionNote(), "synthetic", 64, {})
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
