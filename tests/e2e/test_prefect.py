"""The flows through Prefect as a person runs them: server, worker, deployments; stages made of shell (conftest.py)."""

import base64
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import yaml

pytestmark = pytest.mark.slow
GONE_S = 10.0  # the promise: after a cancel or a kill nothing is left
FLOWS = {"build-corpus", "pretrain-motion", "adapt-identity", "speak", "evaluate", "reproduce"}


def log(project: Path) -> list[str]:
    """Name the stages whose command ran, in order."""
    return (project / "log").read_text().split() if (project / "log").exists() else []


def ran_since(project: Path, before: list[str]) -> set[str]:
    after = log(project)[len(before) :]
    assert len(after) == len(set(after)), f"computed twice: {after}"
    return set(after)


def set_frames(project: Path, frames: int) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["adapt"]["frames"] = frames
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def new(name: str) -> dict[str, object]:
    return {"identity": name, "video": "own.mp4", "consent": "synthetic"}


def test_every_flow_is_deployed_and_its_form_explains_itself(shell: Any) -> None:
    for flow in FLOWS:
        deployment = shell.api.get(f"deployments/name/{flow}/local").json()
        form = deployment["parameter_openapi_schema"]["properties"]
        assert deployment["description"] and all(field.get("description") for field in form.values()), flow
    schema = shell.api.get("deployments/name/adapt-identity/local").json()["parameter_openapi_schema"]
    assert schema["required"] == ["identity"]
    assert schema["properties"]["identity"]["pattern"] == "^[a-z0-9][a-z0-9-]{0,62}$"
    assert schema["properties"]["runner"]["enum"] == ["threads", "dask", "ray"]


def test_a_clip_becomes_an_avatar_once_and_one_parameter_reruns_what_it_touches(shell: Any) -> None:
    project = shell.project
    before = log(project)
    done = shell.watch("adapt-identity/local", **new("own"))
    assert done.returncode == 0, done.stdout + done.stderr
    run = shell.last_run()
    assert shell.state(run)["type"] == "COMPLETED"
    assert {"crop@own-adapt", "crop@own-test", "adapt@own", "evaluate@own"} <= ran_since(project, before)
    assert all(state == ("Completed", 1) for name, state in shell.stages(run).items() if "own" in name)
    artifacts = shell.artifacts(run)
    sheet = re.search(r"data:image/jpeg;base64,([\w+/=]+)", artifacts["sheet-adapt-own"]["data"])
    assert sheet is not None
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(sheet[1]), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (48, 900, 3)  # 64 × 1200, made smaller
    rows = {row["metric"]: row for row in yaml.safe_load(artifacts["metrics-own"]["data"])}
    assert rows["PSNR (dB)"]["this run"] == "30.50" and rows["PSNR (dB)"]["paper, neutral"] == "30.02"
    assert rows["LMD (px)"]["this run"] == "–"
    assert "models/avatars/own" in artifacts["results-own"]["data"]

    before = log(project)
    run, ended = shell.go("adapt-identity/local", identity="own")
    assert ended == "COMPLETED" and ran_since(project, before) == set()
    assert {state for state, _ in shell.stages(run).values()} == {"Cached"}

    set_frames(project, 12)
    _, ended = shell.go("adapt-identity/local", identity="own")
    assert ended == "COMPLETED" and ran_since(project, before) == {"adapt@own", "evaluate@own"}


def test_two_people_side_by_side_and_one_person_by_turns(shell: Any) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two stages at once need two cores")
    before = log(shell.project)
    runs = [shell.begin("adapt-identity/local", **new(who)) for who in ("left", "right", "left")]
    assert [shell.finish(run)["type"] for run in runs] == ["COMPLETED"] * 3
    ran = [stage for stage in log(shell.project)[len(before) :] if stage not in ("corpus", "pretrain", "crop@ada")]
    assert sorted(ran) == sorted(
        f"{stage}@{who}{end}" for who in ("left", "right")
        for stage, end in (("crop", "-adapt"), ("crop", "-test"), ("adapt", ""), ("evaluate", ""))
    )  # fmt: skip
    status = shell.command("dvc", "status")
    assert "up to date" in status.stdout, status.stdout
    params = yaml.safe_load((shell.project / "params.yaml").read_text())
    assert {"left", "right"} <= set(params["avatars"])


def test_bad_input_is_one_line(shell: Any) -> None:
    done = shell.watch("adapt-identity/local", identity="nobody", video="own.mp4")
    assert done.returncode != 0
    assert shell.state(shell.last_run())["message"].startswith("--consent is empty: say who agreed to what")


def test_only_what_may_pass_a_second_time_is_tried_again(shell: Any) -> None:
    more = {"slow": {"limit_minutes": 0.05}}
    people = ("refused", "crash", "slow")
    runs = {who: shell.begin("adapt-identity/local", **new(who), **more.get(who, {})) for who in people}
    types = {who: shell.finish(run)["type"] for who, run in runs.items()}
    stages = {who: shell.stages(run) for who, run in runs.items()}
    assert types == {"refused": "FAILED", "crash": "COMPLETED", "slow": "FAILED"}
    assert stages["crash"]["adapt@crash"] == ("Completed", 2)
    assert stages["refused"]["adapt@refused"] == ("Failed", 1)
    assert stages["slow"]["adapt@slow"] == ("TimedOut", 1)
    message = shell.state(runs["refused"])["message"]
    assert "adapt@refused: the clip shows nobody, frame 7; give another one" in message and "\n" not in message
    assert "evaluate@refused" not in stages["refused"]  # what needs it was not begun
    assert not (shell.project / "models" / "avatars" / "slow").exists()


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_nothing_is_left_of_a_training_that_is_ended_and_the_next_goes_on(
    shell: Any, how: str, request: pytest.FixtureRequest
) -> None:
    checkpoint = shell.project / "checkpoints" / f"adapt-{how}.pt"
    set_frames(shell.project, 150)
    request.addfinalizer(lambda: set_frames(shell.project, 10))
    run = shell.begin("adapt-identity/local", **new(how))
    shell.until(lambda: checkpoint.exists() and int(checkpoint.read_text() or 0) >= 100)
    stages = shell.processes("keeper", "train.py")
    flow = shell.processes("prefect.engine")
    assert len(stages) >= 3 and flow  # a keeper, DVC, and the training
    if how == "cancel":
        state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        assert shell.api.post(f"flow_runs/{run}/set_state", json=state).status_code < 300
    else:
        shell.worker().kill()
    began = time.monotonic()
    _, alive = psutil.wait_procs([*stages, *flow], GONE_S)
    assert not alive, f"after {time.monotonic() - began:.1f} s: {alive}"
    assert not (shell.project / "models" / "avatars" / how).exists()
    assert not list(shell.project.rglob("*.partial*"))
    assert shell.finish(run)["type"] == ("CANCELLED" if how == "cancel" else "CRASHED")

    _, ended = shell.go("adapt-identity/local", identity=how)  # by another worker, where that one was killed
    assert ended == "COMPLETED"
    begun_at = int((shell.project / "models" / "avatars" / how / "begun_at").read_text())
    assert begun_at >= 100 and "progress-adapt-" + how in shell.artifacts(run)
    assert re.search(r"adapt: \d+ of 150, loss .*PSNR", shell.artifacts(run)["progress-adapt-" + how]["description"])


def test_gpu_slots_are_taken_one_at_a_time(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from pipeline.flows import task

    monkeypatch.setattr(task, "cuda_devices", lambda: ["0"])
    inside: list[int] = []
    most: list[int] = []

    def hold() -> tuple[tuple[str, str], ...]:
        with temporary_settings({PREFECT_API_URL: shell.environment["PREFECT_API_URL"]}):
            with task._gpu(shell.project, 1, lambda: False) as environment:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.5)
                inside.pop()
            return environment

    with temporary_settings({PREFECT_API_URL: shell.environment["PREFECT_API_URL"]}):
        task.ensure_gpu_limit(1)
        task.ensure_gpu_limit(5)  # what is there stays
    assert shell.api.get("v2/concurrency_limits/gpu").json()["limit"] == 1
    with ThreadPoolExecutor(2) as pool:
        environments = [one.result() for one in [pool.submit(hold), pool.submit(hold)]]
    assert most == [1, 1]
    assert environments == [(("CUDA_VISIBLE_DEVICES", "0"),)] * 2


def test_stages_run_on_a_dask_cluster_of_two_workers(shell: Any) -> None:
    pytest.importorskip("prefect_dask", reason="the extra emotag[dask] is not installed")
    from distributed import LocalCluster

    corpus = [{"name": who, "video": "own.mp4", "consent": "synthetic"} for who in ("eve", "fay")]
    before = log(shell.project)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        given = {"runner": "dask", "cluster": cluster.scheduler_address, "jobs": 2, "videos": corpus}
        run, ended = shell.go("build-corpus/local", **given)
    assert ended == "COMPLETED", shell.state(run)
    assert {"crop@eve", "crop@fay", "corpus"} <= ran_since(shell.project, before)
    run, ended = shell.go("build-corpus/local", runner="dask", jobs=2)  # a cluster of its own for the run
    assert ended == "COMPLETED" and ran_since(shell.project, before) >= {"crop@eve", "crop@fay"}
    assert {state for state, _ in shell.stages(run).values()} == {"Cached"}
