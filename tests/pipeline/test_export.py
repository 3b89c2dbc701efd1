"""`emotag export-vhap`: what cannot be exported is one line and exit code 2.

That it writes: tests/perception/test_vhap.py and tests/e2e/test_paper.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from pipeline.cli import main; main()", "export-vhap", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("clip", "told"),
    [
        ("nobody", "params.yaml has no clip 'nobody'"),
        ("mira-adapt", "data/shape/mira.json: not found; run the stage that makes it"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, clip: str, told: str) -> None:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    done = run(tmp_path, clip, "export")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"error: {told}")
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_it_asks_for_both(tmp_path: Path) -> None:
    done = run(tmp_path, "mira-adapt")
    assert done.returncode == 2 and "folder" in done.stderr
