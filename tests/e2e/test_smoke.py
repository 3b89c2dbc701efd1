"""The whole DAG on three actors, small: from their lines to metrics, videos and the report."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import yaml

from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import stream_frames, write_video

ROOT = Path(__file__).parents[2]
LINES = {
    "ada": ("Mama baked a big blue birthday cake for all of us.", "neutral", 0),
    "ben": ("You promised to bring my books back before Monday!", "angry", 2),
    "mira-adapt": ("Believe me, this was the best morning of my whole life.", "happy", 2),
    "mira-same": ("Maybe we should buy some flowers for Peter as well.", "happy", 2),
}
LATE_S = 0.16
"""By how much the sound of one video is moved."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small project of conftest.py, run once."""
    return Path(shutil.copytree(smoke, tmp_path_factory.mktemp("project") / "copy", symlinks=True))


def run(folder: Path, *command: object) -> str:
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    environment |= {"OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1", "COLUMNS": "200"}
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def stages_run(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def test_metrics_beside_the_frozen_baseline(project: Path) -> None:
    content = json.loads((project / "reports" / "metrics" / "mira-same.json").read_text())
    (test,) = content["tests"]
    assert test["frames"] >= 75
    assert test["valid_frames"]["landmarks"] == test["frames"]
    # Torso and background are the true frame's own, so even the smallest avatar is not far off.
    assert 18 < test["metrics"]["psnr"] < 60
    assert test["frozen"].keys() == test["metrics"].keys()
    assert content["training"]["frames_seen"] == 80
    frames = pd.read_parquet(project / "reports" / "frames" / "mira-same.parquet")
    assert frames["frame"].tolist() == list(range(test["frames"]))


def test_videos_play_with_sound_and_say_that_they_are_generated(project: Path) -> None:
    folder = project / "reports" / "videos" / "mira"
    sizes = {"mira-same-compare": (288, 96), "mira-same-avatar": (96, 96), "mira-ben": (96, 96)}
    assert {file.stem for file in folder.glob("*.mp4")} == set(sizes)
    for name, size in sizes.items():
        with av.open(str(folder / f"{name}.mp4")) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.width, video.codec_context.height) == size
            assert video.average_rate == 25
            assert video.frames > 50
            assert abs(float(audio.duration * audio.time_base) - video.frames / 25) < 0.2
            assert "AI-generated" in container.metadata["comment"]


def test_feature_store_opens_in_pandas(project: Path) -> None:
    rows = pd.read_parquet(project / "data" / "features")
    assert set(rows["clip"]) == set(LINES)
    assert rows.groupby("clip")["frame"].count().min() >= 75
    assert rows["valid_track"].all()
    probabilities = rows[[column for column in rows if column.startswith("p_")]].sum(axis=1)
    assert probabilities.between(0.999, 1.001).all()


def test_every_stage_left_its_picture_and_the_report_holds_them(project: Path) -> None:
    page = (project / "reports" / "report.html").read_text()
    assert "AI-generated" in page
    assert "data:video/mp4;base64," in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    for stage in ("crop", "landmarks", "track", "matte", "action_units", "emotion"):
        assert (project / "data" / stage / "mira-adapt.jpg").stat().st_size > 1000
    lags = json.loads((project / "models" / "sync" / "lags.json").read_text())["clips"]
    assert {clip: lag["seconds"] for clip, lag in lags.items()} == dict.fromkeys(("ada", "ben"), 0.0)  # as filmed
    assert (project / "models" / "sync" / "sheet.jpg").stat().st_size > 1000
    assert (project / "models" / "avatars" / "mira" / "splats.ply").read_bytes().startswith(b"ply")


def test_actors_leave_their_truth(project: Path) -> None:
    truth = pd.read_parquet(project / "data" / "actors" / "ben.parquet")
    assert truth["e"].max() > 0.5
    assert (truth["p_angry"] > 0.5).any()
    assert {"jaw_pose", "points68", "AU04_r", "phone"} <= set(truth)
    folder = project / "data" / "actors" / "ben"
    assert {file.name for file in folder.iterdir()} == {
        "matte.mkv", "depth.mkv", "normal.mkv", "geometry.json", "take.json",
    }  # fmt: skip
    with av.open(str(project / "data" / "raw" / "ben.mp4")) as container:
        assert container.streams.video[0].frames == len(truth)


def test_second_repro_does_nothing(project: Path) -> None:
    assert stages_run(run(project, "dvc", "repro")) == set()


def test_one_parameter_reruns_its_stage_and_what_follows(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["adapt"]["frames"] = 84
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    ran = stages_run(run(project, "dvc", "repro"))
    assert ran == {"adapt@mira", "evaluate@mira-same", "speak@mira-ben", "report"}


def test_a_new_person_does_not_rerun_pretraining(project: Path) -> None:
    video = project.parent / "own.mp4"
    take = project / "data" / "raw" / "ada.mp4"
    sound = np.roll(read_audio(take), round(LATE_S * SAMPLE_RATE))
    write_video(video, stream_frames(take), crf=12, audio=(sound, SAMPLE_RATE))
    arguments = ["add-identity", "own", "--video", video, "--consent", "synthetic", "--adapt-seconds", "3"]
    run(project, "emotag", *arguments, "--test-seconds", "0")
    ran = stages_run(run(project, "dvc", "repro", "adapt@own"))
    assert not {"pretrain", "sync"} & ran
    assert {"ingest@own-adapt", "features@own-adapt", "corpus", "adapt@own"} <= ran
    card = json.loads((project / "models" / "avatars" / "own" / "avatar.json").read_text())
    assert card["audio_lag_s"] == pytest.approx(LATE_S, abs=0.03)  # her sound was moved, and that was undone
    assert not any("ada" in stage.split("@")[-1].split("-") or "mira" in stage for stage in ran)
