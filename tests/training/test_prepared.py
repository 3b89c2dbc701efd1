"""What training keeps instead of computing it each step is what it would have computed."""

from dataclasses import replace

import torch

from emotag.camera import Camera
from emotag.head.face_part import FacePart
from emotag.head.ibug68 import MOUTH
from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN, freeze_for_adaptation
from emotag.motion.settings import MotionSettings
from emotag.training import prepared as module
from emotag.training.clip import ClipFeatures, ClipFrames, HeadPose, Window
from emotag.training.part_windows import part_points
from emotag.training.prepared import Prepared
from emotag.training.sample import Sample
from emotag.training.scene import Shot

FRAMES, LENGTH = 50, 12


def make() -> tuple[GRMN, ClipFeatures]:
    torch.manual_seed(0)
    settings = MotionSettings(width=16, heads=2, audio_layers=1, window=LENGTH, overlap=4, mouth_width=8)
    pose = HeadPose(*(torch.zeros(FRAMES, channels) for channels in (3, 3, 3, 6)))
    features = ClipFeatures(
        "clip", "ada", pose, torch.rand(FRAMES, 6), torch.rand(FRAMES, 3), torch.zeros(2), 2.0,
        torch.randn(FRAMES, 5), torch.rand(FRAMES, 8), torch.full((FRAMES, 7), 1 / 7), torch.rand(FRAMES),
        torch.ones(FRAMES, dtype=torch.bool),
    )  # fmt: skip
    return GRMN(settings, 5, 8, 6, 6), features


def samples(features: ClipFeatures, starts: list[int]) -> list[Sample]:
    frames = ClipFrames(Window(0, 0, 16, 16), Camera(2.0, 16, 16), *(torch.zeros(FRAMES, 16, 16, c) for c in (3, 1)))
    shot = Shot(features, frames)
    known = [Sample.of(shot, start, LENGTH, torch.tensor([0])) for start in starts]
    return [*known[:-1], replace(known[-1], start=None)]  # one whose start only the device knows


def expected(grmn: GRMN, features: ClipFeatures, starts: list[int]) -> torch.Tensor:
    rows = [slice(start, start + LENGTH) for start in starts]
    return grmn.streams(
        torch.stack([features.audio[part] for part in rows]), torch.stack([features.upper_face[part] for part in rows])
    ).audio


def test_kept_windows_are_those_that_the_frozen_network_encodes(synthetic_head: HeadModel) -> None:
    grmn, features = make()
    freeze_for_adaptation(grmn)
    prepared = Prepared(synthetic_head, grmn)
    for starts in ([0], [31, 32, 38], [5]):
        streams = prepared.streams(samples(features, starts))
        assert not streams.audio.requires_grad
        torch.testing.assert_close(streams.audio, expected(grmn, features, starts), atol=1e-5, rtol=1e-5)


def test_long_clips_and_networks_that_learn_are_encoded_each_time(synthetic_head: HeadModel, monkeypatch) -> None:
    grmn, features = make()
    assert Prepared(synthetic_head, grmn).streams(samples(features, [3])).audio.requires_grad
    freeze_for_adaptation(grmn)
    monkeypatch.setattr(module, "WINDOWS_KEPT", 10)
    prepared = Prepared(synthetic_head, grmn)
    torch.testing.assert_close(prepared.streams(samples(features, [3, 7])).audio, expected(grmn, features, [3, 7]))


def test_lips_of_several_people_are_those_of_each(synthetic_head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = torch.randn(3, synthetic_head.n_shape, generator=generator)
    lips = [FacePart.of(synthetic_head, shape, MOUTH) for shape in shapes]
    expression = torch.rand(3, 5, synthetic_head.n_expression, generator=generator)
    jaw = 0.3 * torch.randn(3, 5, 3, generator=generator)
    alone = torch.stack([one.points(e, j) for one, e, j in zip(lips, expression, jaw)])
    torch.testing.assert_close(part_points(lips, expression, jaw), alone)
    same = part_points([lips[0]] * 3, expression, jaw)
    torch.testing.assert_close(same, lips[0].points(expression, jaw))
