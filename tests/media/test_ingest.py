import json
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotag.errors import InputError
from emotag.files import sha256
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.ingest import IngestSettings, ingest
from emotag.media.source import nearest_at_rate
from emotag.media.video import read_frames

STRICT = IngestSettings()
LENIENT = IngestSettings(min_seconds=0.2, require_audio=False)


@pytest.fixture
def take(tmp_path):
    """Ingest into tmp_path/out; give frames, sound and probe."""

    def run(source: Path, settings: IngestSettings = LENIENT, **stretch: float):
        out = tmp_path / "out"
        probe = ingest(source, out / "c.mp4", out / "c.wav", out / "c.json", settings, **stretch)
        assert json.loads((out / "c.json").read_text()) == probe
        return read_frames(out / "c.mp4"), read_audio(out / "c.wav"), probe

    return run


@pytest.fixture
def refused(tmp_path):
    """Check that ingest says one line and leaves nothing; give the line."""

    def run(source: Path, settings: IngestSettings = STRICT, **stretch: float) -> str:
        out = tmp_path / "refused"
        with pytest.raises(InputError) as caught:
            ingest(source, out / "c.mp4", out / "c.wav", out / "c.json", settings, **stretch)
        assert not out.exists() or list(out.iterdir()) == []
        line = str(caught.value)
        assert "\n" not in line and source.name in line
        return line

    return run


def _jittered() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.cumsum(rng.uniform(0.01, 0.07, 80)) - 0.01


@pytest.mark.parametrize(
    "times",
    [
        np.arange(90) / 30,
        np.arange(90) * 1001 / 30_000,
        np.arange(72) * 1001 / 24_000,
        np.arange(150) / 50,
        np.arange(75) / 25,
        _jittered(),
    ],
    ids=["30", "29.97", "23.976", "50", "25", "variable"],
)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_every_frame_is_the_nearest_in_time(tmp_path, kit, take, times, container):
    frames, _, probe = take(kit.write(tmp_path / f"a.{container}", times))
    times = times - times[0]
    shown = np.array([times[kit.number_of(frame)] for frame in frames])
    ticks = np.arange(len(frames)) / 25
    nearest = np.abs(times[:, None] - ticks).min(axis=0)
    np.testing.assert_allclose(np.abs(shown - ticks), nearest, atol=2e-3)
    assert (
        0 < len(frames) / 25 - times[-1] <= (times[-1] - times[-2]) + 0.04
    )  # the last frame lasts as long as the one before
    assert probe["frames"] == len(frames) and probe["source_frames"] == len(times)


def test_the_start_and_end_are_exact(tmp_path, kit, take):
    frames, sound, probe = take(
        kit.write(tmp_path / "a.mp4", np.arange(150) / 30, sound=kit.tone(5)), start_s=1.0, end_s=3.0
    )
    assert len(frames) == 50 and len(sound) == 2 * SAMPLE_RATE
    assert kit.number_of(frames[0]) == 30 and abs(kit.number_of(frames[-1]) - 88.8) < 1
    assert probe["seconds"] == 2.0


@pytest.mark.parametrize("origin", [0.0, 0.4])
def test_picture_and_sound_stay_together(tmp_path, kit, take, origin):
    """A flash and a click at 1 s of the container's clock, in a video whose picture starts at `origin`."""
    times = origin + np.arange(75) / 30

    def picture(number: int) -> np.ndarray:
        return np.full((64, 64, 3), 230 if times[number] >= 1.0 - 1e-6 else 20, dtype=np.uint8)

    sound = np.zeros((2, 44_100 * 3), dtype=np.float32)
    sound[:, 44_100 : 44_100 + 60] = 0.9
    frames, heard, probe = take(kit.write(tmp_path / "a.mkv", times, sound=sound, picture=picture))
    flash = np.flatnonzero(frames.mean(axis=(1, 2, 3)) > 128)[0] / 25
    click = int(np.argmax(np.abs(heard))) / SAMPLE_RATE
    assert abs(flash - (1.0 - origin)) <= 0.021
    assert abs(click - (1.0 - origin)) < 0.003
    assert probe["video_origin_s"] == pytest.approx(origin, abs=0.001)
    assert len(heard) == len(frames) * SAMPLE_RATE // 25


def test_sound_is_padded_and_cut_to_the_picture(tmp_path, kit, take):
    short = take(kit.write(tmp_path / "a.mp4", np.arange(75) / 25, sound=kit.tone(1.0)))[1]
    assert len(short) == 3 * SAMPLE_RATE and not short[20_000:].any()
    assert len(take(kit.write(tmp_path / "b.mp4", np.arange(75) / 25, sound=kit.tone(9.0)))[1]) == 3 * SAMPLE_RATE


def _set_rotation(path: Path, clockwise: int) -> None:
    """Write a display matrix into the track header of an mp4, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version and flags, times, id, duration, layer, volume
    one = 1 << 16
    width, height = (value << 16 for value in (128, 96))
    matrix = {
        90: (0, one, 0, -one, 0, 0, height, 0, 1 << 30),
        180: (-one, 0, 0, 0, -one, 0, width, height, 1 << 30),
        270: (0, -one, 0, one, 0, 0, 0, width, 1 << 30),
    }[clockwise]
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_the_rotation_flag_is_applied(tmp_path, kit, take, clockwise):
    path = kit.write(tmp_path / "a.mp4", np.arange(75) / 25)
    upright = take(path)[0][40]
    _set_rotation(path, clockwise)
    frames, _, probe = take(path)
    assert probe["rotation"] == clockwise
    turned = np.rot90(upright, -clockwise // 90)
    assert frames.shape[1:] == turned.shape
    assert np.abs(frames[40].astype(int) - turned).mean() < 2


@pytest.mark.parametrize(
    ("codec", "pixels", "size", "aspect", "expected"),
    [
        ("ffv1", "yuv444p", (127, 95), None, (94, 126)),  # H.264 4:2:0 takes even sides only
        ("libx264", "yuv420p", (128, 96), Fraction(2), (96, 256)),  # pixels twice as wide as high
    ],
)
def test_odd_sides_and_wide_pixels(tmp_path, take, codec, pixels, size, aspect, expected):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if aspect:
            stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = aspect
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 20 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = take(path)[0]
    assert frames.shape == (10, *expected, 3)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), 20 * np.arange(10), atol=1.5)


def test_the_probe_describes_the_source(tmp_path, kit, take):
    path = kit.write(tmp_path / "a.mp4", np.arange(90) / 30, sound=kit.tone(3.0, channels=2))
    _, _, probe = take(path)
    assert probe["video"] | {"duration_s": 0} == {
        "codec": "h264", "pixel_format": "yuv420p", "width": 128, "height": 96, "fps": 30.0, "duration_s": 0,
    }  # fmt: skip
    assert probe["audio"]["channels"] == 2 and probe["audio"]["sample_rate"] == 44_100
    assert probe["audio_peak"] == pytest.approx(0.4, abs=0.03)
    assert probe["audio_rms"] == pytest.approx(0.4 / np.sqrt(2), abs=0.02)
    assert probe["sha256"] == sha256(path) and probe["damaged_frames"] == 0


def test_clips_without_a_voice(tmp_path, kit, take, refused):
    mute = kit.write(tmp_path / "mute.mp4", np.arange(90) / 30)
    assert "no audio stream" in refused(mute)
    frames, sound, probe = take(mute, IngestSettings(require_audio=False))
    assert probe["audio"] is None and len(sound) == len(frames) * 640 and not sound.any()

    silent = kit.write(tmp_path / "silent.mp4", np.arange(90) / 30, sound=np.zeros((1, 132_300), np.float32))
    assert "silence" in refused(silent)
    take(silent, IngestSettings(allow_silence=True))


def test_stretches_that_are_none(tmp_path, kit, refused):
    path = kit.write(tmp_path / "a.mp4", np.arange(60) / 30, sound=kit.tone(2.0))
    assert "2.00 s" in refused(path) and "at least 3 s" in refused(path)
    assert "beyond the video's end at 2.00 s" in refused(path, start_s=7.0)
    assert "no stretch" in refused(path, start_s=1.0, end_s=0.5)


def test_files_that_are_none(tmp_path, kit, refused):
    good = kit.write(tmp_path / "good.mkv", np.arange(120) / 30, sound=kit.tone(4.0))
    data = good.read_bytes()
    for name, content in {"junk.mp4": b"nothing" * 500, "empty.mp4": b"", "head.mp4": data[:300]}.items():
        (tmp_path / name).write_bytes(content)
        assert "cannot be read" in refused(tmp_path / name)
    assert "not found" in refused(tmp_path / "absent.mp4")

    audio_only = tmp_path / "voice.mp4"
    with av.open(str(audio_only), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        block = av.AudioFrame.from_ndarray(kit.tone(4.0), format="fltp", layout="mono")
        block.sample_rate = 44_100
        container.mux(stream.encode(block))
        container.mux(stream.encode())
    assert "no video stream" in refused(audio_only)


def test_a_file_cut_short_is_refused(tmp_path, kit, refused):
    """The index stands in front (as web videos have it), so that the file opens and then ends early."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (96, 128, 3)).astype(np.uint8)

    def picture(number: int) -> np.ndarray:
        return np.roll(noise, number, axis=1)

    plain = kit.write(tmp_path / "plain.mp4", np.arange(240) / 30, sound=kit.tone(8.0), picture=picture)
    front = tmp_path / "front.mp4"
    with av.open(str(plain)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        streams = {stream: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                target.mux(packet)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(front.read_bytes()[: front.stat().st_size // 2])
    line = refused(cut)
    assert "cut short" in line or "complete" in line or "damaged" in line


def test_nearest_at_rate_is_lazy_and_streams():
    def endless():
        number = 0
        while True:
            yield number / 30, number
            number += 1

    assert len(list(nearest_at_rate(endless(), 0.0, 4.0))) == 100
    assert list(nearest_at_rate(iter(()), 0.0, None)) == []
