"""The whole DAG on a real clip, small: from a raw video to metrics, videos and the report, by `dvc repro`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "footage").is_dir(), reason="needs ../shared/footage and ../shared/assets"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked tree with the smoke profile, three registered people and one sound, run once."""
    folder = tmp_path_factory.mktemp("project")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    for name in tracked.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    run(folder, "git", "init", "--quiet")
    run(folder, "emotag", "profile", "smoke")
    (folder / "models").mkdir(exist_ok=True)
    os.link(SHARED / "assets" / "ict-facekit.tar.xz", folder / "models" / "ict-facekit.tar.xz")
    footage = SHARED / "footage"
    for name in ("trump", "aoc"):
        video = footage / "corpus" / f"{name}.mp4"
        run(folder, "emotag", "add-corpus", name, "--video", video, "--consent", "test", "--seconds", "3.2")
    anchor = ["add-identity", "anchor", "--video", footage / "adapt" / "anchor-de.mp4", "--consent", "test"]
    run(folder, "emotag", *anchor, "--adapt-seconds", "3.2", "--test-seconds", "3")
    sound = footage / "audio" / "spanish.wav"
    run(folder, "emotag", "add-sound", "spanish", "--file", sound, "--identity", "anchor")
    run(folder, "dvc", "repro")
    return folder


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
    content = json.loads((project / "reports" / "metrics" / "anchor.json").read_text())
    (test,) = content["tests"]
    assert test["frames"] == 75
    assert test["valid_frames"]["landmarks"] == 75
    # Torso and background are the true frame's own, so even the smallest avatar is not far off.
    assert 18 < test["metrics"]["psnr"] < 60
    assert test["frozen"].keys() == test["metrics"].keys()
    assert content["training"]["frames_seen"] == 80
    frames = pd.read_parquet(project / "reports" / "frames" / "anchor.parquet")
    assert frames["frame"].tolist() == list(range(75))


def test_videos_play_with_sound_and_say_that_they_are_generated(project: Path) -> None:
    folder = project / "reports" / "videos" / "anchor"
    sizes = {"anchor-compare": (288, 96), "anchor-avatar": (96, 96), "anchor-spanish": (96, 96)}
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
    assert set(rows["clip"]) == {"trump", "aoc", "anchor-adapt", "anchor-test"}
    assert rows.groupby("clip")["frame"].count().to_dict() == {
        "trump": 80, "aoc": 80, "anchor-adapt": 80, "anchor-test": 75,
    }  # fmt: skip
    assert rows["valid_track"].all()
    probabilities = rows[[column for column in rows if column.startswith("p_")]].sum(axis=1)
    assert probabilities.between(0.999, 1.001).all()


def test_every_stage_left_its_picture_and_the_report_holds_them(project: Path) -> None:
    page = (project / "reports" / "report.html").read_text()
    assert "AI-generated" in page
    assert "data:video/mp4;base64," in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    for stage in ("crop", "landmarks", "track", "matte", "action_units", "emotion"):
        assert (project / "data" / stage / "anchor-adapt.jpg").stat().st_size > 1000
    assert (project / "models" / "avatars" / "anchor" / "splats.ply").read_bytes().startswith(b"ply")


def test_second_repro_does_nothing(project: Path) -> None:
    assert stages_run(run(project, "dvc", "repro")) == set()


def test_one_parameter_reruns_its_stage_and_what_follows(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["adapt"]["frames"] = 84
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    ran = stages_run(run(project, "dvc", "repro"))
    assert ran == {"adapt@anchor", "evaluate@anchor", "speak@anchor-spanish", "report"}


def test_a_new_person_does_not_rerun_pretraining(project: Path) -> None:
    video = SHARED / "footage" / "corpus" / "hill.mp4"
    arguments = ["add-identity", "hill", "--video", video, "--consent", "test", "--adapt-seconds", "3.2"]
    run(project, "emotag", *arguments, "--test-seconds", "0")
    ran = stages_run(run(project, "dvc", "repro", "adapt@hill"))
    assert "pretrain" not in ran
    assert {"ingest@hill-adapt", "features@hill-adapt", "corpus", "adapt@hill"} <= ran
    assert not any("trump" in stage or "anchor" in stage for stage in ran)
