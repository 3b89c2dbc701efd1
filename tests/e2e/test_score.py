"""`emotag score` on the small project of actors: the same ruler as `evaluate`, and videos that come in other ways."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import read_frames, write_video

TEST, LATE = "mira-same", 3
METRICS = ("psnr", "ssim", "psnr_head", "ssim_head", "lmd", "aue_lower", "aue_upper", "jitter", "audio_lag_frames")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(smoke, tmp_path_factory.mktemp("scores") / "copy", symlinks=True))


@pytest.fixture(scope="module")
def videos(project: Path) -> dict[str, Path]:
    """The test's truth with its sound, as it is and in other shapes; the avatar's video, and late by some frames."""
    folder = project.parent
    truth = read_frames(project / "data" / "crop" / f"{TEST}.mp4")
    avatar = project / "reports" / "videos" / "mira" / f"{TEST}-avatar.mp4"
    made = read_frames(avatar)
    sound = (read_audio(project / "data" / "ingest" / f"{TEST}.wav"), SAMPLE_RATE)
    files = {name: folder / f"{name}.mp4" for name in ("truth", "late", "short", "large", "thirty")}
    write_video(files["truth"], truth, crf=4, intra=False, audio=sound)
    write_video(files["late"], np.concatenate((np.repeat(made[:1], LATE, axis=0), made[:-LATE])), crf=4)
    write_video(files["short"], made[: len(made) // 2])
    write_video(files["large"], np.repeat(np.repeat(made, 2, axis=1), 2, axis=2))
    write_at(files["thirty"], truth, 30)
    return files | {"avatar": avatar}


def write_at(path: Path, frames: np.ndarray, fps: int) -> None:
    """Write frames of 25 fps at another rate: at each of its times the frame that is nearest."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "4"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for number in range(len(frames) * fps // 25):
            image = frames[min(round(number * 25 / fps), len(frames) - 1)]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def score(project: Path, method: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "score", "--method", method]
    words = [*command, *map(str, arguments)]
    return subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, check=False)


def scores(project: Path, method: str) -> dict:  # type: ignore[type-arg]
    return json.loads((project / "reports" / "scores" / f"{method}.json").read_text())


def test_its_own_video_gets_the_very_numbers_of_evaluate(project: Path, videos: dict[str, Path]) -> None:
    done = score(project, "Own", "--render", videos["avatar"], "--truth", f"data/crop/{TEST}.mp4")
    assert done.returncode == 0, done.stderr[-2000:]
    [entry] = scores(project, "Own")["tests"]
    [own] = json.loads((project / "reports" / "metrics" / f"{TEST}.json").read_text())["tests"]
    assert entry["matte"] == f"clip {TEST}" and entry["test"] == TEST
    for metric in METRICS:
        assert entry["metrics"][metric] == pytest.approx(own["metrics"][metric], rel=1e-5), metric
    assert entry["intervals"]["lmd"] == pytest.approx(own["intervals"]["lmd"], rel=1e-4)
    rows = pq.read_table(project / "reports" / "scores" / "Own" / f"{TEST}.parquet")
    assert rows.num_rows == own["frames"] and "lmd" in rows.column_names


def test_clips_of_a_method_come_together(project: Path, videos: dict[str, Path]) -> None:
    truth = ("--truth", videos["truth"])
    matte = ("--matte", project / "data" / "matte" / f"{TEST}.mkv")
    for arguments in (
        ("--render", videos["avatar"], *truth),  # its matte is tracked and segmented
        ("--render", videos["late"], *truth, *matte, "--clip", "late"),
        ("--render", videos["thirty"], *truth, *matte, "--clip", "thirty", "--emotion", "happy", "--level", 2),
    ):
        done = score(project, "Other", *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
    content = scores(project, "Other")
    late, thirty, plain = content["tests"]
    assert [one["test"] for one in content["tests"]] == ["late", "thirty", "truth"]
    [own] = json.loads((project / "reports" / "metrics" / f"{TEST}.json").read_text())["tests"]

    # A truth that was encoded once more, and a matte made here, hardly change a number.
    assert plain["matte"] == "tracked and segmented in the truth" and plain["frames_late"] == 0
    assert plain["metrics"]["psnr"] == pytest.approx(own["metrics"]["psnr"], abs=1.0)
    assert plain["metrics"]["psnr_head"] == pytest.approx(own["metrics"]["psnr_head"], abs=1.5)

    # A shift is seen, and said.
    assert late["frames_late"] == LATE
    assert late["metrics"]["psnr"] < plain["metrics"]["psnr"] - 0.5

    # Another rate: matched by time, every frame is the truth's own or its neighbour.
    assert thirty["frames"] == own["frames"] and thirty["render_video"]["fps"] == 30 and thirty["frames_late"] == 0
    assert thirty["truth_video"]["file"] == str(videos["truth"]) and thirty["truth"]["jitter"] > 0
    assert thirty["metrics"]["psnr"] > own["metrics"]["psnr"] and thirty["metrics"]["lmd"] < own["metrics"]["lmd"]
    assert (thirty["emotion"], thirty["level"], thirty["protocol"]) == ("happy", 2, "self")
    assert content["metrics"]["lmd"]["frames"] == sum(one["valid_frames"]["landmarks"] for one in content["tests"])


@pytest.mark.parametrize(
    ("name", "words"),
    [("short", "more than 2 frames apart"), ("large", "give both in one size"), ("absent", "not found")],
)
def test_what_does_not_belong_together_is_one_line(
    project: Path, videos: dict[str, Path], name: str, words: str
) -> None:
    render = videos.get(name, project / "absent.mp4")
    done = score(project, "Bad", "--render", render, "--truth", videos["truth"])
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("error: ") and words in done.stderr
    assert not (project / "reports" / "scores" / "Bad.json").exists()
