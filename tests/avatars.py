"""An avatar that a benchmark draws, with a small network, for tests of what is done with avatars."""

import pytest
import torch

from benchmarks.synthetic import World
from emotag.motion.settings import MotionSettings
from emotag.motion.store import MotionNote
from emotag.synthesis.store import Avatar
from emotag.training.pretrain import make_network

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def device_named(name: str) -> torch.device:
    """Give the device; skips the test where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device(name)


def drawn_avatar(world: World, moving: bool = True) -> Avatar:
    """Give the world's person an avatar; one that is `moving` has a network that moves the face."""
    torch.manual_seed(0)
    settings = MotionSettings(width=16, heads=2, audio_layers=1, window=12, overlap=4)
    person = world.scene.person
    grmn = make_network(settings, [world.scene]).to(person.shape.device).eval()
    if moving:
        torch.nn.init.normal_(grmn.base.face.weight, std=0.1)
    return Avatar(person, world.scene.splats, grmn, MotionNote(), "synthetic", world.camera.width, {})
