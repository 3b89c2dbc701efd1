"""A video of an actor becomes an avatar through Prefect, with the real stages and the smoke profile."""

import json
import time
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file

pytestmark = pytest.mark.slow
GONE_S = 10.0


def test_a_video_becomes_an_avatar_and_training_goes_on_after_a_cancel(actors: Any) -> None:
    project = actors.project
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["adapt"]["frames"] = 160  # time for a cancel between the first checkpoint and the end
    (project / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True))
    given = {"identity": "own", "video": "data/raw/ada.mp4", "consent": "synthetic"}
    given |= {"adapt_seconds": 3, "test_seconds": 0}

    checkpoint = project / "checkpoints" / "adapt-own.pt"
    run = actors.begin("adapt-identity/local", **given)
    actors.until(checkpoint.exists)
    below = actors.processes("keeper", "stages.adapt", "prefect.engine")
    assert len(below) >= 4
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    assert actors.api.post(f"flow_runs/{run}/set_state", json=state).status_code < 300
    began = time.monotonic()
    _, alive = psutil.wait_procs(below, GONE_S)
    assert not alive, f"after {time.monotonic() - began:.1f} s: {alive}"
    folder = project / "models" / "avatars" / "own"
    assert not folder.exists() and not list(project.rglob(".*.partial*"))
    assert actors.finish(run)["type"] == "CANCELLED"
    saved = torch.load(checkpoint, weights_only=True)
    assert 40 <= saved["frames_seen"] < 160

    done = actors.watch("adapt-identity/local", **given)
    assert done.returncode == 0, done.stdout + done.stderr
    again = actors.last_run()
    assert actors.state(again)["type"] == "COMPLETED"
    ran = {name for name, (state, _) in actors.stages(again).items() if state == "Completed"}
    assert "adapt@own" in ran and not {name for name in ran if name.endswith(("own-adapt", "@ada", "@ben"))}
    assert actors.stages(again)["pretrain"][0] == "Cached"

    log = pd.read_parquet(folder / "log.parquet")
    before = pd.DataFrame(saved["log"])
    assert log["frames_seen"].max() == 160
    assert log["loss"].head(len(before)).tolist() == before["loss"].tolist()  # not computed again: went on
    assert load_file(folder / "splats.safetensors") and (folder / "splats.ply").read_bytes().startswith(b"ply")
    assert json.loads((folder / "avatar.json").read_text())["consent"] == "synthetic"
    assert not checkpoint.exists()
    assert "data:image/jpeg;base64," in actors.artifacts(again)["sheet-adapt-own"]["data"]
    assert "data:image/jpeg;base64," in actors.artifacts(run)["sheet-track-own-adapt"]["data"]
    assert "models/avatars/own/splats.ply" in actors.artifacts(again)["results-own"]["data"]
    assert "up to date" in actors.command("dvc", "status", "adapt@own", "pretrain", "corpus").stdout
