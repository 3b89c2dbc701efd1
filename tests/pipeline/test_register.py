import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from emotag.errors import InputError
from emotag.media.video import write_video
from pipeline.params import check_name, overlay, read_params
from pipeline.register import add_corpus, add_identity, add_sound
from stages.settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    write_video(path, (np.full((32, 32, 3), shade % 255, np.uint8) for shade in range(16 * 25)))
    return path


def test_identity_is_registered_and_comments_stay(project: Path, video: Path) -> None:
    comments = [line for line in (project / "params.yaml").read_text().splitlines() if line.startswith("#")]
    assert comments
    targets = add_identity(project, "grace", video, "Grace agreed")
    text = (project / "params.yaml").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == comments
    assert targets == ["adapt@grace", "evaluate@grace"]
    settings = load_settings(project / "params.yaml")
    assert settings.person("grace").consent == "Grace agreed"
    assert settings.clip("grace-adapt").end_s == 5.0
    assert (settings.clip("grace-test").start_s, settings.clip("grace-test").end_s) == (5.0, 15.0)
    assert settings.tests["grace"].clip == "grace-test"
    assert (project / "data" / "raw" / "grace.mp4").read_bytes() == video.read_bytes()


def test_registering_twice_changes_nothing(project: Path, video: Path) -> None:
    add_identity(project, "grace", video, "Grace agreed")
    once = (project / "params.yaml").read_text()
    add_identity(project, "grace", video, "Grace agreed")
    assert (project / "params.yaml").read_text() == once


def test_corpus_and_sound(project: Path, video: Path) -> None:
    add_corpus(project, "bob", video, "Bob agreed", seconds=12)
    add_identity(project, "grace", video, "Grace agreed", test_seconds=0)
    add_sound(project, "hello", video, "grace")
    settings = load_settings(project / "params.yaml")
    assert settings.corpus[-1] == "bob"
    assert "bob" in settings.corpus_clips()
    assert "grace" not in settings.tests
    assert settings.videos["grace-hello"].reference == "grace-adapt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Grace Hopper"}, "cannot be a name"),
        ({"consent": "  "}, "--consent is empty"),
        ({"adapt_seconds": 2.0}, "too short"),
        ({"test_seconds": 60.0}, "lasts 16.0 s, less than"),
        ({"video": Path("nowhere.mp4")}, "no such file"),
    ],
)
def test_bad_input_changes_nothing(project: Path, video: Path, change: dict, message: str) -> None:
    before = (project / "params.yaml").read_text()
    arguments = {"name": "grace", "video": video, "consent": "Grace agreed"} | change
    with pytest.raises(InputError, match=message):
        add_identity(project, **arguments)
    assert (project / "params.yaml").read_text() == before
    assert not (project / "data" / "raw").exists()


def test_not_a_video_and_unknown_avatar(project: Path, video: Path) -> None:
    text = project / "text.mp4"
    text.write_text("no video")
    with pytest.raises(InputError, match="cannot be read as video"):
        add_identity(project, "grace", text, "Grace agreed")
    with pytest.raises(InputError, match="no avatar is called 'grace'"):
        add_sound(project, "hello", video, "grace")


def test_names_of_actors_and_of_others_are_taken(project: Path, video: Path) -> None:
    with pytest.raises(InputError, match="'mira' is a synthetic actor"):
        add_identity(project, "mira", video, "Grace agreed")
    add_corpus(project, "grace", video, "Grace agreed")
    with pytest.raises(InputError, match="'grace' is in `corpus`"):
        add_identity(project, "grace", video, "Grace agreed")


@pytest.mark.parametrize("name", ["a", "grace-2", "0"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a/b", "a" * 64, "ä", "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)


def test_overlay_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("a: {x: 1, y: 2}\nb: 3\n")
    params = read_params(tmp_path / "p.yaml")
    overlay(params, {"a": {"y": 5}, "c": 7})
    assert params == {"a": {"x": 1, "y": 5}, "b": 3, "c": 7}


def test_command_answers_bad_input_with_one_line_and_code_2(project: Path, video: Path) -> None:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "add-identity", "Ada!"]
    command += ["--video", str(video), "--consent", "yes"]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 2
    assert done.stderr.strip().startswith("error: 'Ada!' cannot be a name")
    assert len(done.stderr.strip().splitlines()) == 1


def test_params_start_with_the_demo_profile() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key, value in yaml.safe_load((ROOT / "profiles" / "demo.yaml").read_text()).items():
        assert params[key] == value, key
