"""An avatar filmed over its own cue frames and over another clip's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.synthetic import make_world
from emotag.camera import Camera
from emotag.media.video import count_frames, stream_frames
from emotag.metrics.efficiency import Speed
from emotag.metrics.image import psnr
from emotag.synthesis.drive import Cues
from emotag.synthesis.footage import Footage
from emotag.timing import Stopwatch
from stages.filming import FilmSet, cue_clip
from tests.avatars import DEVICES, device_named, drawn_avatar

FRAMES, SIDE = 12, 64
AUDIO = 768  # width of the rows that `make_world` draws


@pytest.fixture(scope="module", params=DEVICES)
def film_set(request: pytest.FixtureRequest) -> FilmSet:
    """A person that a benchmark draws, before a grey wall; the truth of every frame is the wall and a brighter head."""
    device = device_named(request.param)
    world = make_world(SIDE, 500, FRAMES, device)
    avatar = drawn_avatar(world)
    features = world.scene.shots[0].features
    frames = np.full((FRAMES, SIDE, SIDE, 3), 90, np.uint8)
    matte = np.zeros_like(frames)
    matte[:, 16:48, 16:48] = 255
    frames += np.arange(FRAMES, dtype=np.uint8)[:, None, None, None]
    footage = Footage.make(frames, matte)
    assert isinstance(world.camera, Camera)
    return FilmSet(
        world.head, avatar, "clip", Cues(features.pose, features.upper_face), None, footage,
        footage.underlays().to(device), world.camera.focal_length,
    )  # fmt: skip


def test_own_cues_give_metrics_before_encoding_and_the_parts_of_speed(film_set: FilmSet, tmp_path: Path) -> None:
    device = film_set.cues.upper_face.device
    watch, video = Stopwatch(device), tmp_path / "avatar.mp4"
    motion = film_set.predict(torch.randn(FRAMES, AUDIO, device=device), watch)
    with watch.running():
        columns = film_set.film(video, motion, "avatar", watch)
    assert count_frames(video) == FRAMES
    assert {name: len(values) for name, values in columns.items()} == {
        f"{name}_lossless": FRAMES for name in ("psnr", "ssim", "psnr_head", "ssim_head")
    }
    decoded = [psnr(true, image) for true, image in zip(film_set.footage.frames, stream_frames(video))]
    assert np.abs(columns["psnr_lossless"] - decoded).max() < 1, "CRF 10 is near to nothing"
    with watch.measure("audio"):
        pass
    parts = Speed.of(watch.seconds, FRAMES)
    assert all(getattr(parts, name) > 0 for name in ("grmn", "skinning", "splatting", "composition", "encoding"))


def test_cues_of_another_clip_last_as_long_as_the_sound_and_are_not_compared(film_set: FilmSet, tmp_path: Path) -> None:
    cues, order = film_set.cues.looped(20)
    looped = FilmSet(
        film_set.head, film_set.avatar, "clip", cues, order, film_set.footage, film_set.underlays, film_set.focal_length
    )
    video = tmp_path / "frozen.mp4"
    assert looped.film(video, None, "frozen face", Stopwatch(order.device)) == {}
    images = list(stream_frames(video))
    assert len(images) == 20
    walls = np.array([image[0, 0, 0] for image in images], int)
    assert np.abs(walls - 90 - order.cpu().numpy()).max() <= 2, "each over its own cue frame, back and forth"
    assert walls.argmax() in (11, 12)


def test_where_cues_come_from() -> None:
    assert cue_clip("own", "test", "adapt") == "test" and cue_clip("reference", "test", "adapt") == "adapt"
