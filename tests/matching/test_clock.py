"""Frames of two videos are matched by time, whatever their rates; what does not belong together is one line."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotag.errors import InputError
from emotag.matching.clock import TOLERANCE, Clocked, common_length
from emotag.media.video import write_video

SIDE = 32


def picture(time_s: float) -> np.ndarray:
    """Give a picture whose brightness says the time: 50 levels a second."""
    return np.full((SIDE, SIDE, 3), 20 + round(50 * time_s), np.uint8)


def time_of(image: np.ndarray) -> float:
    return (float(image.mean()) - 20) / 50


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, seconds: float, fps: int, side: int = SIDE) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
            for number in range(round(seconds * fps)):
                frame = av.VideoFrame.from_ndarray(np.resize(picture(number / fps), (side, side, 3)), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@pytest.mark.parametrize("fps", [24, 25, 30, 50])
def test_frame_i_is_at_i_25ths_of_a_second(film: Callable[..., Path], fps: int) -> None:
    video = Clocked.read(film("a.mp4", 3.0, fps))
    assert (video.frames, video.source_frames, round(video.fps)) == (75, 3 * fps, fps)
    times = np.array([time_of(image) for image in video.images()])
    assert len(times) == 75
    assert np.abs(times - np.arange(75) / 25).max() <= 0.5 / fps + 0.03  # half a source frame; a level is 0.02 s


def test_its_own_25_fps_frames_come_out_bit_by_bit(tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 255, (SIDE, SIDE, 3), np.uint8) for i in range(8)]
    write_video(tmp_path / "a.mp4", frames, crf=20)
    from emotag.media.video import stream_frames

    pairs = zip(Clocked.read(tmp_path / "a.mp4").images(), stream_frames(tmp_path / "a.mp4"), strict=True)
    assert all(np.array_equal(mine, other) for mine, other in pairs)
    assert len(list(Clocked.read(tmp_path / "a.mp4").images(3))) == 3


def test_what_both_have_is_compared(film: Callable[..., Path]) -> None:
    truth = Clocked.read(film("t.mp4", 3.0, 25))
    assert common_length(truth, Clocked.read(film("a.mp4", 3.0, 30)), "render") == 75
    for frames in (-TOLERANCE, TOLERANCE):
        other = Clocked.read(film("b.mp4", 3.0 + frames / 25, 25))
        assert common_length(truth, other, "render") == min(75, 75 + frames)


@pytest.mark.parametrize(("seconds", "fps"), [(2.0, 25), (3.0 + (TOLERANCE + 1) / 25, 25), (2.0, 30)])
def test_lengths_that_differ_are_refused(film: Callable[..., Path], seconds: float, fps: int) -> None:
    truth, other = Clocked.read(film("t.mp4", 3.0, 25)), Clocked.read(film("o.mp4", seconds, fps))
    with pytest.raises(InputError, match=rf"o\.mp4: the render lasts {seconds:.2f} s .* the truth 3\.00 s \(75\)"):
        common_length(truth, other, "render")


def test_sizes_that_differ_are_refused(film: Callable[..., Path]) -> None:
    truth, other = Clocked.read(film("t.mp4", 3.0, 25)), Clocked.read(film("o.mp4", 3.0, 25, 2 * SIDE))
    with pytest.raises(InputError, match=r"o\.mp4: the render is 64×64, the truth 32×32"):
        common_length(truth, other, "render")


def test_no_video_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("absent.mp4", "text.mp4"):
        with pytest.raises(InputError, match=name):
            Clocked.read(tmp_path / name)
