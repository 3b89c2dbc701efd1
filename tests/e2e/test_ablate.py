"""`emotag ablate` with a real training, small: only pretraining, adaptation and evaluation run, in a copy."""

import json
import shutil
from pathlib import Path

import pytest

from .conftest import COMMAND, run

pytestmark = pytest.mark.slow


def test_an_ablation_of_the_small_project(smoke: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(smoke, tmp_path / "project", symlinks=True))
    run(project, "git", "add", "--all")
    run(project, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "start")
    before = run(project, "git", "status", "--short")
    weights = (project / "models" / "motion" / "grmn.safetensors").read_bytes()
    told = run(project, *COMMAND, "ablate", "no-residual", "no-pretraining")
    assert "[1/2] no-residual" in told and "[2/2] no-pretraining" in told and "w/o residual" in told
    assert "Running stage" not in told.split("Ablations")[0]  # the full model was current
    result, full = (
        json.loads((project / "reports" / "ablations" / f"{name}.json").read_text()) for name in ("no-residual", "full")
    )
    assert result["verdict"] in ("better", "ahead", "behind", "worse")
    assert result["metrics"]["lmd"]["frames"] == full["metrics"]["lmd"]["frames"] > 0
    assert result["metrics"]["lmd"] != full["metrics"]["lmd"]
    # The ablated network has no residual branch; the project's own has, and is what it was.
    other, ref = sorted(run(project, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split())
    assert other.endswith("/ablation-no-pretraining") and ref.endswith("/ablation-no-residual")
    assert (project / "models" / "motion" / "grmn.safetensors").read_bytes() == weights
    assert run(project, "git", "status", "--short") == before and not run(project, "git", "stash", "list")
    lock = run(project, "git", "show", f"{ref}:dvc.lock")
    assert "use_residual: false" in lock
