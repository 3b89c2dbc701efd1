import pytest
import torch

from emotag.synthesis.drive import Cues, ping_pong, speak
from emotag.training.clip import HeadPose


def test_ping_pong_never_jumps() -> None:
    assert ping_pong(4, 10).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    index = ping_pong(7, 100)
    assert index.diff().abs().max() == 1
    assert set(index.tolist()) == set(range(7))
    assert ping_pong(1, 3).tolist() == [0, 0, 0]


def test_cues_are_looped_together() -> None:
    frames = torch.arange(3.0)
    pose = HeadPose(frames[:, None].repeat(1, 3), *(torch.zeros(3, width) for width in (3, 3, 6)))
    cues = Cues(pose, frames[:, None].repeat(1, 8))
    looped, index = cues.looped(6)
    assert index.tolist() == [0, 1, 2, 1, 0, 1]
    assert looped.pose.rotation[:, 0].tolist() == [0, 1, 2, 1, 0, 1]
    assert looped.upper_face[:, 0].tolist() == [0, 1, 2, 1, 0, 1]
    assert len(looped) == 6


def test_audio_and_cues_must_agree_in_length() -> None:
    pose = HeadPose(*(torch.zeros(3, width) for width in (3, 3, 3, 6)))
    with pytest.raises(ValueError, match="5 frames of audio, 3 cue frames"):
        speak(None, torch.zeros(5, 4), Cues(pose, torch.zeros(3, 8)))  # type: ignore[arg-type]
