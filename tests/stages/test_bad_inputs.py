"""Bad input through the stage commands: one clear line and exit code 2, nothing half-written, or it works."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import yaml

from emotag.media.video import read_frames, stream_frames
from emotag.perception.open_models import fetch_open_models
from emotag.tables import column, read_table
from stages.run import run

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "../shared/footage/adapt/anchor-de.mp4"
CLIP = "somebody"


@pytest.fixture(scope="session")
def portrait() -> list[np.ndarray]:
    """Forty frames of a face, 256 pixels a side."""
    if not PORTRAIT.exists():
        pytest.skip("needs ../shared/footage")
    frames = stream_frames(PORTRAIT)
    return [cv2.resize(next(frames), (256, 256), interpolation=cv2.INTER_AREA) for _ in range(40)]


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """An empty project with one clip, source.mp4, and the open networks."""
    (tmp_path / "models").mkdir()
    fetch_open_models(ROOT / "models" / "open")
    (tmp_path / "models" / "open").symlink_to(ROOT / "models" / "open", target_is_directory=True)
    steps = yaml.safe_load((ROOT / "profiles" / "demo.yaml").read_text())
    params = {
        "clips": {CLIP: {"identity": "somebody", "video": "source.mp4"}},
        "identities": {"somebody": {"consent": "test", "reference": CLIP}},
        "pretrain": steps["pretrain"],
        "adapt": steps["adapt"],
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _change(workspace: Path, **changes: dict) -> None:
    path = workspace / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        params[key] = {**params.get(key, {}), **value}
    path.write_text(yaml.safe_dump(params))


@pytest.fixture
def stage(monkeypatch, capfd) -> Callable[..., tuple[int, str]]:
    """Run a stage as its command does, in this process; give the exit code and the error line."""

    def call(name: str, clip: str = CLIP) -> tuple[int, str]:
        module = __import__(f"stages.{name}", fromlist=[name])
        monkeypatch.setattr(sys, "argv", [f"stages/{name}.py", "--clip", clip])
        capfd.readouterr()
        code: int | str | None = 0
        try:
            run(getattr(module, name))
        except SystemExit as stop:
            code = stop.code
        told = capfd.readouterr().err
        assert "Traceback" not in told
        lines = [line for line in told.splitlines() if line.startswith("error: ")]
        assert len(lines) == (code == 2), told
        return int(code or 0), lines[0] if lines else ""

    return call


@pytest.fixture
def refuses(stage, workspace) -> Callable[[str], str]:
    def call(name: str) -> str:
        code, line = stage(name)
        assert code == 2
        folder = workspace / "data" / name
        assert not folder.exists() or list(folder.iterdir()) == [], "something half-written is left"
        return line

    return call


def _write(
    path: Path, images: Iterator[np.ndarray] | list[np.ndarray], *, fps: Fraction = Fraction(25), loudness: float | None
) -> None:
    """Write images as a video; `loudness` is the amplitude of its tone, None leaves the sound stream away."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "16"})
        voice = container.add_stream("aac", rate=16_000, layout="mono") if loudness is not None else None
        count = 0
        for image in images:
            if count == 0:
                video.height, video.width, video.pix_fmt = *image.shape[:2], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = count
            container.mux(video.encode(frame))
            count += 1
        container.mux(video.encode())
        if voice is not None:
            clock = np.arange(int(count / fps * 16_000)) / 16_000
            wave = (loudness * np.sin(2 * np.pi * 220 * clock)).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            block.sample_rate = 16_000
            container.mux(voice.encode(block))
            container.mux(voice.encode())


def _looped(frames: list[np.ndarray], count: int) -> list[np.ndarray]:
    """There and back again, so that nothing jumps."""
    cycle = frames + frames[-2:0:-1]
    return [cycle[i % len(cycle)] for i in range(count)]


def _plain(count: int) -> list[np.ndarray]:
    return [np.full((96, 128, 3), 40 + i, np.uint8) for i in range(count)]


def test_as_a_command_it_is_one_line_and_exit_code_2(workspace):
    done = subprocess.run(
        [sys.executable, "-m", "stages.ingest", "--clip", CLIP],
        capture_output=True, text=True, timeout=120, cwd=workspace, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: source.mp4: not found")
    assert done.stdout == "" and not (workspace / "data").exists()


def test_unknown_clip(stage, workspace):
    code, line = stage("ingest", "nobody")
    assert code == 2 and "nobody" in line and CLIP in line


def test_corrupt_and_truncated_files(refuses, workspace):
    (workspace / "source.mp4").write_bytes(b"this is no video" * 400)
    assert "source.mp4: cannot be read" in refuses("ingest")
    _write(workspace / "whole.mp4", _plain(100), loudness=0.3)
    data = (workspace / "whole.mp4").read_bytes()
    (workspace / "source.mp4").write_bytes(data[: len(data) * 2 // 3])
    assert "complete" in refuses("ingest")


def test_sound_that_is_missing_or_silent(refuses, stage, workspace):
    _write(workspace / "source.mp4", _plain(80), loudness=None)
    assert "no audio stream" in refuses("ingest")
    _write(workspace / "source.mp4", _plain(80), loudness=0.0)
    assert "silence" in refuses("ingest")
    _change(workspace, ingest={"allow_silence": True})
    assert stage("ingest") == (0, "")


def test_two_seconds_are_too_short(refuses, workspace):
    _write(workspace / "source.mp4", _plain(50), loudness=0.3)
    line = refuses("ingest")
    assert "2.00 s" in line and "at least 3 s" in line


@pytest.mark.parametrize("start", [9.0, 3.0])
def test_a_start_beyond_the_end(refuses, workspace, start):
    _write(workspace / "source.mp4", _plain(50), loudness=0.3)
    _change(workspace, clips={CLIP: {"identity": "somebody", "video": "source.mp4", "start_s": start}})
    assert "beyond the video's end" in refuses("ingest")


@pytest.mark.shared
@pytest.mark.parametrize("fps", [Fraction(30), Fraction(30_000, 1001)], ids=["30", "29.97"])
def test_other_frame_rates_work(stage, workspace, portrait, fps):
    _write(workspace / "source.mp4", _looped(portrait, 99), fps=fps, loudness=0.3)
    for name in ("ingest", "crop", "landmarks"):
        assert stage(name) == (0, "")
    probe = json.loads((workspace / f"data/ingest/{CLIP}.json").read_text())
    frames = probe["frames"]
    assert frames == int(np.ceil(99 / float(fps) * 25 - 1e-6))
    assert len(read_frames(workspace / f"data/crop/{CLIP}.mp4")) == frames
    table = read_table(workspace / f"data/landmarks/{CLIP}.parquet")
    assert table.num_rows == frames and column(table, "valid").all()
    for file in (f"crop/{CLIP}.jpg", f"crop/{CLIP}.parquet", f"landmarks/{CLIP}.jpg"):
        assert (workspace / "data" / file).stat().st_size > 1000


@pytest.mark.shared
def test_a_phone_held_upright_works(stage, workspace, portrait):
    """Stored lying on its side, with the flag that says so."""
    tall = [cv2.copyMakeBorder(image, 100, 100, 0, 0, cv2.BORDER_REPLICATE) for image in portrait]
    _write(workspace / "source.mp4", [np.rot90(image) for image in _looped(tall, 80)], loudness=0.3)
    data = bytearray((workspace / "source.mp4").read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 256 << 16, 0, 1 << 30)
    (workspace / "source.mp4").write_bytes(bytes(data))
    for name in ("ingest", "crop", "landmarks"):
        assert stage(name) == (0, "")
    assert read_frames(workspace / f"data/ingest/{CLIP}.mp4").shape[1:3] == (456, 256)
    points = column(read_table(workspace / f"data/landmarks/{CLIP}.parquet"), "points68").reshape(-1, 68, 2)
    assert (points[:, 8, 1] > points[:, 27, 1] + 30).all()  # the chin is below the eyes


@pytest.mark.shared
def test_no_face(refuses, stage, workspace, portrait):
    _write(workspace / "source.mp4", _plain(90), loudness=0.3)
    assert stage("ingest") == (0, "")
    assert "no face in frame 0" in refuses("crop")

    blank = [np.full((256, 256, 3), 90, np.uint8)] * 30
    _write(workspace / "source.mp4", _looped(portrait, 40) + blank + _looped(portrait, 20), loudness=0.3)
    assert stage("ingest") == (0, "")
    assert "no face in frame 40 (1.60 s)" in refuses("crop")


@pytest.mark.shared
def test_two_faces(refuses, stage, workspace, portrait):
    pair = [np.concatenate((image, image[:, ::-1]), axis=1) for image in _looped(portrait, 80)]
    _write(workspace / "source.mp4", pair, loudness=0.3)
    assert stage("ingest") == (0, "")
    assert "two faces of similar size in frame 0" in refuses("crop")


def test_a_stage_before_its_input(refuses, workspace):
    assert "dvc repro" in refuses("crop")
    assert "dvc repro" in refuses("landmarks")
    assert "dvc repro" in refuses("matte")
