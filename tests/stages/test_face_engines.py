"""The engines of the face that the paper names, through their stages on stand-ins; and that nothing is mixed."""

import importlib.util
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from emotag.engines import require_same
from emotag.errors import InputError
from emotag.media.video import write_video
from emotag.perception.action_units.protocol import COLUMNS as UNITS
from emotag.perception.emotion.protocol import COLUMNS as EMOTIONS
from emotag.tables import column, frame_table, read_metadata, read_table, to_numpy, write_table
from stages.action_units import action_units
from stages.emotion import emotion
from stages.identity import identity

pytest.importorskip("onnx")
pytest.importorskip("deepface")

ROOT = Path(__file__).parents[2]
FRAMES = 30


def helpers(name: str) -> object:
    """Give the stand-ins that a test of perception writes."""
    spec = importlib.util.spec_from_file_location(f"stand_ins_{name}", ROOT / f"tests/perception/test_{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the crops and landmarks of two clips of one person."""
    steps = yaml.safe_load((ROOT / "profiles" / "demo.yaml").read_text())
    clips = {name: {"identity": "ada", "video": f"{name}.mp4"} for name in ("ada", "ada-two")}
    params = {"clips": clips, "identities": {"ada": {"consent": "test", "reference": "ada"}}}
    params |= {"pretrain": steps["pretrain"], "adapt": steps["adapt"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    rng = np.random.default_rng(0)
    face = helpers("deepface").face_points((128.0, 128.0))
    for name in clips:
        noise = rng.integers(0, 255, (FRAMES, 16, 16, 3)).astype(np.uint8)
        write_video(tmp_path / f"data/crop/{name}.mp4", [cv2.resize(image, (256, 256)) for image in noise])
        columns = {"points468": np.stack([face] * FRAMES), "valid": np.ones(FRAMES, bool)}
        write_table(tmp_path / f"data/landmarks/{name}.parquet", frame_table(name, columns), {"engine": "test"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def choose(**sections: dict) -> None:
    path = Path("params.yaml")
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))


@pytest.fixture
def openface(workspace: Path) -> Path:
    """A FeatureExtraction that reads how many frames there are off the name of nothing: every clip has FRAMES."""
    made = helpers("openface")
    program = workspace / "openface" / "FeatureExtraction"
    (program.parent / "model").mkdir(parents=True)
    text = made.FEATURE_EXTRACTION.format(python=sys.executable, units=list(made.ACTION_UNITS))
    program.write_text(text.replace("video.read_text().split()", f'"{FRAMES} 25 face".split()'))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def table_of(stage: Callable, name: str) -> Path:
    return Path(f"data/{stage.__name__}/{name}.parquet")


def test_the_papers_engines_run_through_their_stages(workspace: Path, openface: Path) -> None:
    weights = {"home": "models/deepface"}
    helpers("deepface").write_network(Path("models/deepface/.deepface/weights/facial_expression_model_weights.onnx"))
    Path("models/adaface").mkdir()
    helpers("adaface").write_onnx(Path("models/adaface/adaface.onnx"))
    choose(
        action_units={"engine": "openface", "openface": {"program": str(openface)}},
        emotion={"engine": "deepface", "deepface": weights},
        identity={"engine": "adaface", "frames": 7, "adaface": {"weights": "models/adaface/adaface.onnx"}},
    )
    action_units("ada")
    emotion("ada")
    identity("ada")

    units = read_table(table_of(action_units, "ada"))
    assert units.num_rows == FRAMES and np.allclose(column(units, UNITS[0]), 2.0) and column(units, "valid").all()
    note = read_metadata(table_of(action_units, "ada"))
    assert (note["engine"], note["version"], note["mode"], len(note["weights"])) == ("openface", "2", "static", 16)
    assert "neutral" not in note

    feelings = read_table(table_of(emotion, "ada"))
    probabilities = np.stack([column(feelings, name) for name in EMOTIONS], axis=1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(column(feelings, "e"), 1 - probabilities[:, -1], atol=1e-6)
    note = read_metadata(table_of(emotion, "ada"))
    assert (note["engine"], note["version"], len(note["weights"])) == ("deepface", "0.0.103", 16)
    assert "action_units" not in note  # they had no part in it

    person = read_table(table_of(identity, "ada"))
    chosen = to_numpy(person["frames"].combine_chunks().flatten())
    assert sorted(chosen) == sorted(np.argsort(-probabilities[:, -1], kind="stable")[:7])  # the most neutral frames
    assert np.linalg.norm(column(person, "embedding")) == pytest.approx(1, abs=1e-5)
    note = read_metadata(table_of(identity, "ada"))
    assert (note["engine"], note["emotion"], len(note["weights"])) == ("adaface", "deepface", 16)
    for stage in (action_units, emotion, identity):
        assert table_of(stage, "ada").with_suffix(".jpg").stat().st_size > 1000


def test_tables_of_two_engines_are_not_mixed(workspace: Path, openface: Path) -> None:
    choose(action_units={"engine": "openface", "openface": {"program": str(openface)}})
    action_units("ada")
    choose(action_units={"engine": "openface", "openface": {"program": str(openface), "mode": "dynamic"}})
    action_units("ada-two")
    makers = {name: read_metadata(table_of(action_units, name)) for name in ("ada", "ada-two")}
    require_same("action_units", makers)  # long and short clips of one corpus differ in mode
    other = openface.with_name("OtherExtraction")
    other.write_text(openface.read_text() + "# another build\n")
    other.chmod(0o755)
    choose(action_units={"engine": "openface", "openface": {"program": str(other)}})
    action_units("ada-two")
    makers["ada-two"] = read_metadata(table_of(action_units, "ada-two"))
    with pytest.raises(InputError, match=r"clip ada was made by 'openface 2 .*never mixed"):
        require_same("action_units", makers)


@pytest.mark.parametrize("section", ["action_units", "emotion", "identity"])
def test_an_engine_that_is_missing_is_one_line(workspace: Path, section: str) -> None:
    stage, engine = {
        "action_units": (action_units, "openface"), "emotion": (emotion, "deepface"), "identity": (identity, "adaface"),
    }[section]  # fmt: skip
    choose(**{section: {"engine": engine}})
    with pytest.raises(InputError, match=rf"{section}\.engine '{engine}' lacks .*which works now") as told:
        stage("ada")
    assert "\n" not in str(told.value)
    assert not table_of(stage, "ada").exists()
