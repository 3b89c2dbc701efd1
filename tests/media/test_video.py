from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emotag.errors import InputError
from emotag.media.video import (
    ColorConverter,
    count_frames,
    frames_at,
    read_frames,
    read_lossless,
    stream_frames,
    write_lossless,
    write_video,
)


@pytest.fixture
def smooth_image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (384, 384), interpolation=cv2.INTER_CUBIC)


def test_colours_survive_without_bias(tmp_path, smooth_image):
    write_video(tmp_path / "a.mp4", [smooth_image], crf=0)
    error = read_frames(tmp_path / "a.mp4")[0].astype(float) - smooth_image
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3  # swscale's fast paths lose 1 to 2
    assert np.abs(error).mean() < 1.5


@pytest.mark.parametrize(
    ("height", "tag", "full_range", "weights"),
    [
        (256, 1, False, (0.2126, 0.0722)),
        (256, 1, True, (0.2126, 0.0722)),
        (256, 5, False, (0.299, 0.114)),
        (256, 2, False, (0.299, 0.114)),  # untagged and small: BT.601
        (720, 2, False, (0.2126, 0.0722)),  # untagged and HD: BT.709
    ],
)
def test_decoding_matches_the_matrices_of_the_standards(height, tag, full_range, weights):
    y, u, v = 120, 104, 143
    frame = av.VideoFrame(64, height, "yuv420p")
    for plane, value in zip(frame.planes, (y, u, v)):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.colorspace, frame.color_range = tag, 2 if full_range else 1
    red, blue = weights
    scale_y, scale_c, zero = (255, 255, 0) if full_range else (219, 224, 16)
    luma, cb, cr = (y - zero) / scale_y, (u - 128) / scale_c, (v - 128) / scale_c
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    expected = np.clip(np.array([r, g, b]) * 255, 0, 255)
    np.testing.assert_allclose(ColorConverter().to_rgb(frame)[10, 10], expected, atol=1.0)


def test_every_frame_is_a_key_frame_even_of_decoded_input(tmp_path, smooth_image):
    frames = [np.roll(smooth_image, 3 * i, axis=1) for i in range(12)]
    write_video(tmp_path / "predicted.mp4", frames, intra=False)
    with av.open(str(tmp_path / "predicted.mp4")) as container:
        decoded = list(container.decode(video=0))
    assert not all(frame.key_frame for frame in decoded)
    write_video(tmp_path / "intra.mp4", decoded)
    with av.open(str(tmp_path / "intra.mp4")) as container:
        assert [packet.is_keyframe for packet in container.demux(video=0) if packet.size] == [True] * 12


def test_single_frames_equal_the_stream(tmp_path, kit):
    path = tmp_path / "a.mp4"
    assert write_video(path, [kit.numbered(i) for i in range(30)]) == count_frames(path) == 30
    everything = read_frames(path)
    for number, frame in zip((0, 29, 7, 8), frames_at(path, (0, 29, 7, 8))):
        assert kit.number_of(frame) == number
        np.testing.assert_array_equal(frame, everything[number])
    with pytest.raises(InputError, match="no frame 30"):
        frames_at(path, [30])


def test_lossless_is_lossless(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    depth = rng.integers(0, 65536, (3, 20, 24)).astype(np.uint16)
    write_lossless(tmp_path / "c.mkv", colour)
    write_lossless(tmp_path / "d.mkv", depth)
    np.testing.assert_array_equal(read_lossless(tmp_path / "c.mkv"), colour)
    np.testing.assert_array_equal(read_lossless(tmp_path / "d.mkv"), depth)


def test_a_failing_source_leaves_nothing(tmp_path, smooth_image):
    def frames():
        yield smooth_image
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        write_video(tmp_path / "a.mp4", frames())
    assert list(tmp_path.iterdir()) == []


def test_bad_files_are_told_in_one_line(tmp_path: Path):
    (tmp_path / "junk.mp4").write_bytes(b"no video at all" * 99)
    for path in (tmp_path / "absent.mp4", tmp_path / "junk.mp4"):
        for read in (lambda p: next(stream_frames(p)), count_frames, lambda p: frames_at(p, [0])):
            with pytest.raises(InputError) as caught:
                read(path)
            assert path.name in str(caught.value) and "\n" not in str(caught.value)
