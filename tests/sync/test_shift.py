from dataclasses import replace

import torch

from emotag.sync.shift import in_time
from emotag.tables import FPS
from emotag.training.clip import ClipFeatures, HeadPose


def clip(audio: torch.Tensor) -> ClipFeatures:
    frames = len(audio)
    rows = torch.arange(frames, dtype=torch.float32)[:, None]
    pose = HeadPose(rows, rows, rows, rows)
    valid = torch.ones(frames, dtype=torch.bool)
    return ClipFeatures("c", "p", pose, rows, rows, rows[0], 2.0, audio, rows, rows, rows[:, 0], valid)


def test_each_frame_gets_the_sound_of_later() -> None:
    features = clip(torch.arange(10.0)[:, None])
    late = in_time(features, 2 / FPS)
    assert late.audio[:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 9, 9]
    early = in_time(features, -1 / FPS)
    assert early.audio[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_between_frames_stands_their_mixture() -> None:
    features = clip(torch.tensor([[0.0, 8.0], [4.0, 0.0], [8.0, 4.0]]))
    torch.testing.assert_close(
        in_time(features, 0.25 / FPS).audio, torch.tensor([[1.0, 6.0], [5.0, 1.0], [8.0, 4.0]]), atol=1e-5, rtol=0
    )


def test_nothing_but_the_sound_is_moved() -> None:
    features = clip(torch.randn(6, 3))
    moved = in_time(features, 0.05)
    assert replace(moved, audio=features.audio) == features
    assert in_time(features, 0.0) is features
