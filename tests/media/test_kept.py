"""Frames that are looked at twice are the same twice, whatever fits in memory."""

from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.media import kept
from emotag.media.kept import KeptFrames
from emotag.media.video import stream_frames, write_video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (12, 6, 8, 3)).astype(np.uint8)
    write_video(tmp_path / "v.mp4", (np.kron(image, np.ones((8, 8, 1), np.uint8)) for image in coarse))
    return tmp_path / "v.mp4"


@pytest.mark.parametrize("budget", [0, 20_000, 10**9])  # none fits, some do, all do
def test_every_pass_gives_the_stream(video: Path, budget: int) -> None:
    expected = list(stream_frames(video))
    frames = KeptFrames(video, budget)
    for _ in range(3):
        np.testing.assert_array_equal(list(frames), expected)


def test_what_is_kept_is_not_decoded_again(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def decode(path: Path, start: int = 0):  # type: ignore[no-untyped-def]
        starts.append(start)
        return original(path, start)

    original = kept.decode_frames
    monkeypatch.setattr(kept, "decode_frames", decode)
    frames = KeptFrames(video)
    assert len(list(frames)) == len(list(frames)) == 12
    assert starts == [0, 12]


def test_a_pass_that_was_left_is_taken_up(video: Path) -> None:
    frames = KeptFrames(video)
    for index, _ in enumerate(frames):
        if index == 4:
            break
    np.testing.assert_array_equal(list(frames), list(stream_frames(video)))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        list(KeptFrames(tmp_path / "v.mp4"))
