"""The paper's profile on three clips, whole and small, with a stand-in for each thing that it wants.

Nothing is left out but size: FLAME's pickle, VHAP's and OpenFace's programs, the networks of SCRFD, DeepFace, AdaFace,
wav2vec 2.0, Sapiens, LPIPS and SyncNet are all there in their real formats (stand_ins.py) and run through their stages.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emotag.perception.tracking.track import Track
from emotag.perception.tracking.vhap.read import read_recording
from emotag.tables import read_metadata, read_table
from pipeline.flows.locks import held
from tests.e2e.conftest import COMMAND, attempt, run
from tests.e2e.stand_ins import DETECTOR_SIDE, bring_everything

pytest.importorskip("onnx")
pytest.importorskip("deepface")
pytest.importorskip("insightface")
pytestmark = pytest.mark.slow

CLIPS = ("ada", "mira-adapt", "mira-same")
SECONDS, FRAMES = 0.8, 20  # of each clip
SIZES = {
    "resolution": 128,
    "device": "cpu",
    "ingest": {"min_seconds": SECONDS},
    "head": {"fit_heads": 1, "fit_size": 192},
    "crop": {"insightface": {"sides": [DETECTOR_SIDE]}},
    "action_units": {"openface": {"program": "models/openface/FeatureExtraction"}},
    "identity": {"frames": 8},
    "audio": {"phones": False},
    "motion": {"width": 32, "window": 12, "overlap": 4},
    "splats": {"count": 2000, "colour_frames": 4},
    "pretrain": {"frames": 40, "static_frames": 12, "resident_frames": 16, "stretch_renders": 12},
    "adapt": {"frames": 40, "static_frames": 12},
}
"""What is smaller than in the paper; each a number, none a choice of engine."""

STAGE = (sys.executable, "-m")


def write_params(folder: Path) -> None:
    """Lay the paper's profile over params.yaml, make it small, and leave one person for the corpus and one avatar."""
    path = folder / "params.yaml"
    before = yaml.safe_load(path.read_text())
    run(folder, *COMMAND, "profile", "paper")
    params = yaml.safe_load(path.read_text())
    for name, size in SIZES.items():
        params[name] = params[name] | size if isinstance(size, dict) else size
    params |= {name: before[name] for name in ("film", "open_head")}  # the actors are there and stay as they are
    for name in ("takes", "clips"):
        params[name] = {clip: params[name][clip] for clip in CLIPS}
    for clip in params["clips"].values():
        clip |= {"start_s": 0.4, "end_s": 0.4 + SECONDS}  # the actors begin to speak
    params["identities"] = {name: params["identities"][name] for name in ("ada", "mira")}
    params["corpus"] = ["ada"]
    params["sounds"] = {"ada-voice": {"file": "data/raw/ada.mp4"}}
    params["videos"] = {"mira-ada": {"identity": "mira", "sound": "ada-voice", "reference": "mira-adapt"}}
    path.write_text(yaml.safe_dump(params, allow_unicode=True))


def left_behind(folder: str, names: list[str]) -> set[str]:
    """Name what the open engines made of the small project: all but the actors and their videos."""
    where = Path(folder)
    if where.name == "data":
        return set(names) - {"raw", "actors"}
    if where.name in ("models", "reports"):
        return set(names) - {"open", "open_head"}
    return set(names) & {"checkpoints"}


@pytest.fixture(scope="session")
def paper(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, run once for all workers of pytest-xdist; not to be changed.

    Its `refused.json` is what became of it before anything was brought.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "paper"
    with held(folder.with_suffix(".lock")):
        if not folder.with_suffix(".done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(smoke, folder, symlinks=True, ignore=left_behind)
            write_params(folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TORCH_HOME", str(folder))  # whatever this machine has in torch's cache
                refused = attempt(folder, *COMMAND, "repro")
            made = sorted(str(path.relative_to(folder)) for path in (folder / "data").iterdir())
            note = {"code": refused.returncode, "told": refused.stdout + refused.stderr, "data": made}
            (folder / "refused.json").write_text(json.dumps(note))
            bring_everything(folder)
            run(folder, *COMMAND, "repro")
            folder.with_suffix(".done").touch()
    return folder


def note_of(project: Path, stage: str, name: str) -> dict[str, Any]:
    return read_metadata(project / "data" / stage / f"{name}.parquet")


def test_without_the_files_nothing_runs_and_each_is_named(paper: Path) -> None:
    refused = json.loads((paper / "refused.json").read_text())
    assert refused["code"] != 0
    assert not [name for name in refused["data"] if name not in ("data/.gitkeep", "data/raw", "data/actors")]
    for engine, lacking in {
        "head.engine flame": "models/flame/flame2023.pkl",
        "crop.engine insightface": "models/insightface/det_10g.onnx",
        "track.engine vhap": "models/vhap/VHAP/vhap/track.py",
        "action_units.engine openface": "models/openface/FeatureExtraction",
        "emotion.engine deepface": "models/deepface/.deepface/weights/facial_expression_model_weights.onnx",
        "identity.engine adaface": "models/adaface/adaface_ir50_ms1mv2.ckpt",
        "audio.engine wav2vec2": "models/wav2vec2",
        "geometry.engine sapiens": "models/sapiens/sapiens_0.3b_render_people_epoch_100_torchscript.pt2",
        "metrics.lpips.engine alexnet": "models/lpips/alexnet-owt-7be5be79.pth",
        "metrics.sync.engine syncnet": "models/syncnet/syncnet_v2.model",
    }.items():
        (line,) = [line for line in refused["told"].splitlines() if line.startswith("error: not ready")]
        assert engine in line
        assert lacking in refused["told"]


def test_every_artifact_says_which_engine_made_it(paper: Path) -> None:
    engines = {
        "crop": "insightface",
        "track": "vhap",
        "action_units": "openface",
        "emotion": "deepface",
        "audio": "wav2vec2",
    }
    for stage, engine in engines.items():
        for clip in CLIPS:
            note = note_of(paper, stage, clip)
            assert note["engine"] == engine and note["version"], (stage, clip)
            assert note.get("weights") or note["head"], (stage, clip)
            assert len(read_table(paper / "data" / stage / f"{clip}.parquet")) == FRAMES
    for name in ("ada", "mira"):
        assert (note_of(paper, "identity", name)["engine"], note_of(paper, "identity", name)["emotion"]) == (
            "adaface", "deepface",
        )  # fmt: skip
        assert json.loads((paper / "data" / "shape" / f"{name}.json").read_text())["engine"] == "vhap"
    assert note_of(paper, "audio", "ada-voice")["engine"] == "wav2vec2"
    assert json.loads((paper / "data" / "geometry" / "mira-adapt.json").read_text())["engine"] == "sapiens"
    with np.load(paper / "models" / "head" / "head.npz") as head:
        assert json.loads(str(head["note"]))["name"] == "flame"
        assert head["shape_basis"].shape[0] == 300 and head["expression_basis"].shape[0] == 100
        assert head["regions.upper_teeth"].size and head["landmarks468.triangles"].size == 468
    made_by = json.loads((paper / "models" / "motion" / "grmn.json").read_text())["note"]["engines"]
    assert {task: told.split()[0] for task, told in made_by.items()} == {
        "track": "vhap", "action_units": "openface", "emotion": "deepface", "audio": "wav2vec2",
    }  # fmt: skip


def test_the_track_is_vhaps_and_lies_on_the_face(paper: Path) -> None:
    for clip in CLIPS:
        note = note_of(paper, "track", clip)
        assert note["source"].startswith(f"checkpoints/vhap/{clip}/tracked/")  # no path of this machine
        assert note["difference_px"] < 0.05
        track = Track.load(paper / "data" / "track" / f"{clip}.parquet")
        assert track.valid.all() and float(track.reprojection_px.median()) < 1.5
    commands = {path.name for path in (paper / "checkpoints" / "vhap" / "mira-same").glob("*.log")}
    assert commands == {"preprocess_video.log", "track.log", "export_as_nerf_dataset.log"}
    person = json.loads((paper / "data" / "shape" / "mira.json").read_text())
    assert np.abs(person["static_offset"]).max() > 0.001  # hair, and it is of the reference clip
    assert person["source"].startswith("checkpoints/vhap/mira-adapt/")


def test_all_of_the_papers_metrics_are_numbers(paper: Path) -> None:
    content = json.loads((paper / "reports" / "metrics" / "mira-same.json").read_text())
    (test,) = content["tests"]
    assert test["frames"] == FRAMES and test["not_measured"] == {}
    for name in ("psnr", "ssim", "lpips", "lmd", "aue_lower", "aue_upper", "sync_c", "sync_e"):
        assert np.isfinite(test["metrics"][name]), name
    assert {name: content["engines"][name]["engine"] for name in ("action_units", "lpips", "sync")} == {
        "action_units": "openface", "lpips": "alexnet", "sync": "syncnet",
    }  # fmt: skip
    avatar = json.loads((paper / "models" / "avatars" / "mira" / "avatar.json").read_text())
    assert avatar["training"]["frames_seen"] == SIZES["adapt"]["frames"]


def test_the_report_names_the_engines(paper: Path) -> None:
    page = (paper / "reports" / "report.html").read_text()
    for engine in ("insightface", "vhap", "openface", "deepface", "adaface", "wav2vec2", "sapiens"):
        assert engine in page, engine
    assert "data:video/mp4;base64," in page


def test_a_second_repro_does_nothing(paper: Path) -> None:
    before = (paper / "dvc.lock").read_bytes()
    told = run(paper, *COMMAND, "repro")
    assert "Running stage" not in told
    assert (paper / "dvc.lock").read_bytes() == before


def test_the_track_goes_out_to_gaussian_avatars(paper: Path, tmp_path: Path) -> None:
    run(paper, *COMMAND, "export-vhap", "mira-same", tmp_path / "export")
    recording = read_recording(tmp_path / "export")
    assert len(recording) == FRAMES and len(list((tmp_path / "export" / "images").iterdir())) == FRAMES
    tracked = read_recording(paper / "checkpoints" / "vhap" / "mira-same" / "tracked")
    np.testing.assert_allclose(recording.jaw_pose, tracked.jaw_pose, atol=1e-5)


def test_engines_are_never_mixed(paper: Path, tmp_path: Path) -> None:
    """One clip's emotions by another teacher: neither pretraining beside the others nor adaptation takes it."""
    project = tmp_path / "mixed"

    def heavy(folder: str, names: list[str]) -> set[str]:
        return set(names) & {".dvc", "reports", "checkpoints", "raw", "actors", "tests", "docs"} | (
            set(names) - {"head", "motion"} if Path(folder).name == "models" else set()
        )

    shutil.copytree(paper, project, symlinks=True, ignore=heavy)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["emotion"]["engine"] = "emfacs"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    for stage in ("emotion", "features"):
        run(project, *STAGE, f"stages.{stage}", "--clip", "mira-adapt")
    refused = attempt(project, *STAGE, "stages.adapt", "--identity", "mira")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: ") and "'deepface 0.0.103" in line and "'emfacs" in line
    assert not (project / "models" / "avatars").exists()

    params["clips"]["mira-adapt"]["identity"] = "ada"  # as if it were the corpus' own second clip
    params |= {"avatars": {}, "tests": {}, "videos": {}, "sounds": {}}
    del params["identities"]["mira"], params["clips"]["mira-same"]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    refused = attempt(project, *STAGE, "stages.pretrain")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "clip ada was made by 'deepface 0.0.103" in refused.stderr
    assert "clip mira-adapt by 'emfacs" in refused.stderr and "never mixed" in refused.stderr
