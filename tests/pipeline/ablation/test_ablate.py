"""`emotag ablate` on a project of shell: what runs, what is left alone, what it says."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from pipeline.ablation.known import read_ablations

from .conftest import COMMAND, ablate, environment, git, log

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0
EXPERIMENT = ["pretrain", "adapt@own", "evaluate@one", "evaluate@three"]


def result(project: Path, name: str) -> dict:  # type: ignore[type-arg]
    return json.loads((project / "reports" / "ablations" / f"{name}.json").read_text())


def state(project: Path) -> list[object]:
    """What an ablation must not change."""
    files = [project / name for name in ("params.yaml", "dvc.lock", "models/motion/net", "models/avatars/own/net")]
    return [git(project, "rev-parse", "HEAD"), git(project, "status", "--short"), git(project, "stash", "list"),
            *(file.read_text() for file in files)]  # fmt: skip


def test_the_table(project: Path) -> None:
    # Work that is not committed, and a file that git has never seen, take part.
    work = project / "work.py"
    work.write_text(work.read_text().replace("30 - ", "40 - ") + "import beside\n")
    (project / "beside.py").write_text("")
    done = ablate(project, "no-gate", "no-score", "as-it-is", "broken", "--jobs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert sorted(log(project)[:3]) == ["corpus", "crop@ada", "crop@own"]  # once: nothing before pretrain runs again
    assert sorted(log(project)[3:]) == sorted(["pretrain", *3 * EXPERIMENT])
    assert "as-it-is: params.yaml is so already; left out" in done.stdout
    failures = [line for line in done.stdout.splitlines() if "failed:" in line]
    assert len(failures) == 1 and "broken failed: a style of 0 breaks here" in failures[0]

    gate, score, full = (result(project, name) for name in ("no-gate", "no-score", "full"))
    assert gate["changes"] == {"motion.use_gate": False} and gate["paper"] == "w/o gate"
    assert [test["test"] for test in gate["tests"]] == ["one", "three"]
    assert gate["verdict"] == "better" and gate["verdicts"]["psnr"] == "ahead"
    assert gate["metrics"]["lmd"]["mean"] - full["metrics"]["lmd"]["mean"] - 1 < 1e-5
    assert gate["full"] == full["metrics"] and full["metrics"]["psnr"]["mean"] > 38
    assert gate["difference"]["psnr"]["low"] > 0  # frame by frame it is sure
    assert score["verdict"] == "behind" and score["difference"]["psnr"]["mean"] == 0
    assert "w/o gate" in done.stdout and "(28.77)" in done.stdout and "(3.358)" in done.stdout
    assert not (project / "reports" / "ablations" / "broken.json").exists()
    kept = project / ".emotag" / "ablations"
    assert [path.name for path in kept.iterdir()] == ["broken"] and (kept / "broken" / "log.txt").is_file()

    before, ran = state(project), len(log(project))
    done = ablate(project, "no-gate", "no-score")
    assert done.returncode == 0 and "2 current, 0 run, 0 failed" in done.stdout
    assert len(log(project)) == ran and state(project) == before
    assert before[1:3] == [" M work.py\n?? beside.py\n?? dvc.lock\n", ""]  # no stash, nothing left behind

    # Each is an experiment that DVC knows, with its metrics.
    refs = git(project, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    assert sorted(ref.split("/")[-1] for ref in refs) == ["ablation-no-gate", "ablation-no-score"]
    params = yaml.safe_load(git(project, "show", f"{refs[0]}:params.yaml"))
    assert params["motion"]["use_gate"] is False
    assert git(project, "show", f"{refs[0]}:params.yaml").startswith("# Comments stay.")
    assert json.loads(git(project, "show", f"{refs[0]}:reports/metrics/one.json"))["tests"] == gate["tests"][:1]


def test_only_what_is_out_of_date_runs_again(project: Path) -> None:
    assert ablate(project, "no-gate", "no-score", "--tests", "one").returncode == 0
    ran = len(log(project))
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("frames: 1200", "frames: 1100"))  # of adapt
    told = ablate(project, "no-gate", "no-score", "--dry-run", "--tests", "one").stdout
    assert "full model: 2 stages run first" in told and "w/o gate): waits for the full model" in told
    assert "motion.use_gate: False; should move lmd" in told and len(log(project)) == ran
    assert ablate(project, "no-gate", "--tests", "one").returncode == 0
    # The full model's two stages, and the same two of the ablation: its pretraining is in the cache.
    assert log(project)[ran:] == ["adapt@own", "evaluate@one"] * 2
    assert [result(project, name)["current"] for name in ("full", "no-gate", "no-score")] == [True, True, False]


def test_an_interrupt_leaves_no_process_and_no_bench(project: Path) -> None:
    pids = project.parent / "pids"
    with subprocess.Popen(
        [*COMMAND, "ablate", "endless"], cwd=project, env=environment(), stdout=-3, stderr=-3
    ) as running:
        end = time.monotonic() + PATIENCE_S
        while not list(pids.iterdir()):
            assert time.monotonic() < end and running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 130
    assert not any(_lives(int(path.name)) for path in pids.iterdir())
    assert not list((project / ".emotag" / "ablations").glob("bench-*"))
    assert git(project, "stash", "list") == "" and git(project, "status", "--short") == "?? dvc.lock\n"


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return status.read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_without_git_it_is_one_line(project: Path) -> None:
    (project / ".git").rename(project.parent / "elsewhere")
    done = ablate(project)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ") and "has no git commit" in done.stderr and "git init" in done.stderr


def test_unknown_names_are_one_line(project: Path) -> None:
    for arguments, words in ((["nothing"], "no ablation 'nothing'"), (["--tests", "none"], "no test 'none'")):
        done = ablate(project, *arguments)
        assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and words in done.stderr
    assert next(iter(read_ablations(project))) == "no-gate"
