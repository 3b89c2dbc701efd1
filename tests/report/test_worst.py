import base64

import cv2
import numpy as np
import pytest

from emotag.errors import InputError
from emotag.media.video import write_video
from emotag.report.data import TestResult
from emotag.report.worst import GAIN, beside, pick_worst, worst_frames


def test_worst_is_highest_error_and_lowest_quality_and_neighbours_are_skipped():
    lmd = np.array([0.0, 5.0, 4.9, 1.0, np.nan, 3.0, 9.0, 8.0])
    assert pick_worst({"lmd": lmd}, "lmd", 3, 2) == [6, 1, 3]
    assert pick_worst({"psnr_head": -lmd}, "psnr_head", 2, 1) == [6, 7]
    assert pick_worst({"lmd": np.full(5, np.nan)}, "lmd", 3, 1) == []
    assert pick_worst({}, "lmd", 3, 1) == []


def test_difference_is_absolute_times_gain_and_clipped():
    truth = np.full((8, 8, 3), 100, np.uint8)
    avatar = np.full((8, 8, 3), 90, np.uint8)
    joined = beside(truth, avatar, 64)
    assert joined.shape == (8, 24, 3)
    assert (joined[:, :8] == 100).all()
    assert (joined[:, 8:16] == 90).all()
    assert (joined[:, 16:] == 10 * GAIN).all()
    assert (beside(truth, truth * 0, 64)[:, 16:] == 255).all()
    assert beside(truth, avatar, 4).shape == (4, 12, 3)


@pytest.fixture
def ten_frames(tmp_path) -> TestResult:
    """Frame 6 of the avatar is white, all else grey."""
    grey = [np.full((32, 32, 3), 120, np.uint8) for _ in range(10)]
    write_video(tmp_path / "truth.mp4", grey)
    write_video(tmp_path / "avatar.mp4", [np.full_like(f, 235) if i == 6 else f for i, f in enumerate(grey)])
    lmd = np.zeros(10)
    lmd[6] = 7.5
    return TestResult(
        "t", {}, {"lmd": lmd, "time_s": np.arange(10) / 25}, (), tmp_path / "truth.mp4", tmp_path / "avatar.mp4"
    )


def test_pictures_are_of_the_frames_that_they_name(ten_frames):
    (by_lmd,) = worst_frames(ten_frames, most=1, apart=3, side=32)
    (one,) = by_lmd.frames
    assert (by_lmd.metric, one.frame, one.value) == ("LMD", 6, "7.500 px")
    assert one.time_s == pytest.approx(0.24)
    content = base64.b64decode(one.picture.removeprefix("data:image/jpeg;base64,"))
    truth, avatar, difference = np.split(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), 3, axis=1)
    assert abs(int(truth[16, 16, 0]) - 120) < 8
    assert avatar[16, 16, 0] > 220
    assert difference[16, 16, 0] > 240


def test_none_without_videos_columns_or_wish(ten_frames):
    whole = ten_frames
    assert worst_frames(TestResult("t", {}, whole.frames), 1, 3, 32) == []
    assert (
        worst_frames(TestResult("t", {}, {"psnr": np.zeros(3)}, (), whole.true_video, whole.avatar_video), 1, 3, 32)
        == []
    )
    assert worst_frames(whole, 0, 3, 32) == []


def test_exception_when_a_video_ends_before_its_table(ten_frames, tmp_path):
    write_video(tmp_path / "short.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3)
    whole = ten_frames
    test = TestResult("t", {}, whole.frames, (), whole.true_video, tmp_path / "short.mp4")
    with pytest.raises(InputError, match=r"short\.mp4: ends before frame 6"):
        worst_frames(test, 1, 3, 32)
