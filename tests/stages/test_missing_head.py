"""A project without its head model, through the stage commands: one line that says what to bring, exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emotag.perception.open_models import fetch_open_models

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "arguments", "told"),
    [
        ("stages.head", [], "models/nowhere.tar.xz"),
        ("stages.shape", ["--identity", "ada"], "models/head/head.npz: no head model; run `dvc repro head`"),
        ("stages.pretrain", [], "models/head/head.npz: no head model; run `dvc repro head`"),
    ],
)
def test_missing_head_model(module: str, arguments: list[str], told: str, tmp_path: Path) -> None:
    fetch_open_models(ROOT / "models" / "open")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "open").symlink_to(ROOT / "models" / "open", target_is_directory=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["head"]["source"] = "models/nowhere.tar.xz"
    for section in ("avatars", "tests", "sounds", "videos"):
        params[section] = {}
    params["clips"] = {"ada": {"identity": "ada", "video": "ada.mp4"}}
    params["identities"] = {"ada": {"consent": "yes", "reference": "ada"}}
    params["corpus"] = ["ada"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and "open" not in path.parts] == ["params.yaml"]
