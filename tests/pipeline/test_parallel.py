"""Several stages at a time: order, failure, nothing to do, interrupt, threads. The projects here are made of shell."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from emotag.errors import InputError
from pipeline.parallel import heights, next_stages, reproduce, select, unfinished

PATIENCE_S = 60.0  # for what takes well under a second on an idle machine
DIAMOND = {"a": frozenset[str](), "b": frozenset("a"), "c": frozenset("a"), "d": frozenset("bc"), "e": frozenset[str]()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def write(project: Path, stages: Mapping[str, tuple[str, list[str]]]) -> None:
    """Write dvc.yaml: stage -> (command, files it reads). A stage writes out/<its name> and a line of `log`."""
    made = {
        name: {"cmd": f"echo {name} >> log; mkdir -p out; {command}; echo {name} > out/{name}", "deps": reads,
               "outs": [f"out/{name}"]}
        for name, (command, reads) in stages.items()
    }  # fmt: skip
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": made}))


def log(project: Path) -> list[str]:
    return (project / "log").read_text().split()


def meet(own: str, other: str) -> str:
    """Give a command that ends only while another stage runs."""
    rounds = int(PATIENCE_S / 0.1)
    return f"touch {own}; for i in $(seq {rounds}); do test -e {other} && break; sleep 0.1; done; test -e {other}"


def test_what_a_target_needs_is_selected() -> None:
    assert set(select(DIAMOND, ["b", "e"])) == {"a", "b", "e"}
    assert set(select({"crop@x": frozenset(), "crop@y": frozenset(), "cropped": frozenset()}, ["crop"])) == {
        "crop@x", "crop@y",
    }  # fmt: skip
    with pytest.raises(InputError, match="no stage 'z'"):
        select(DIAMOND, ["z"])


def test_what_reads_a_stale_stage_is_unfinished() -> None:
    assert unfinished(DIAMOND, ["b"]) == {"b", "d"}
    assert unfinished(DIAMOND, ["a", "gone"]) == {"a", "b", "c", "d"}
    assert unfinished(DIAMOND, []) == set()


def test_long_chains_are_high() -> None:
    assert heights(DIAMOND) == {"a": 2, "b": 1, "c": 1, "d": 0, "e": 0}


def test_wide_stages_wait_for_the_machine() -> None:
    assert next_stages(["adapt@a", "crop@b", "crop@c"], 0, 2) == ["crop@b", "crop@c"]
    assert next_stages(["adapt@a", "crop@b"], 0, 2) == ["crop@b"]
    assert next_stages(["adapt@a"], 1, 2) == []
    assert next_stages(["adapt@a"], 0, 2) == ["adapt@a"]
    assert next_stages(["adapt@a", "adapt@b"], 0, 2) == ["adapt@a", "adapt@b"]
    assert next_stages(["adapt@a", "adapt@b"], 0, 4) == ["adapt@a"]
    assert next_stages(["crop@a", "crop@b"], 2, 2) == []
    assert next_stages(["adaptation"], 1, 2) == ["adaptation"]


def test_one_job_has_the_machine_to_itself() -> None:
    assert next_stages(["adapt@a", "crop@b", "crop@c"], 0, 1) == ["crop@b"]
    assert next_stages(["adapt@a", "adapt@b"], 0, 1) == ["adapt@a"]


def test_stages_run_side_by_side_in_order_and_once(project: Path) -> None:
    write(
        project,
        {
            "last": ("true", ["out/left", "out/right"]),
            "left": (meet("l", "r"), ["out/first"]),
            "right": (meet("r", "l"), ["out/first"]),
            "first": ("true", []),
        },
    )
    told: list[str] = []
    assert reproduce(project, 2, tell=told.append) == 0
    assert log(project)[0] == "first" and set(log(project)[1:3]) == {"left", "right"} and log(project)[3:] == ["last"]
    assert [line.split()[0] for line in told] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert set(yaml.safe_load((project / "dvc.lock").read_text())["stages"]) == {"first", "left", "right", "last"}

    told.clear()
    assert reproduce(project, 2, tell=told.append) == 0
    assert len(log(project)) == 4 and not told  # nothing to do
    assert subprocess.run(["dvc", "status", "-q"], cwd=project, env=_environment(), check=False).returncode == 0


def test_only_what_changed_runs_again(project: Path) -> None:
    (project / "source").write_text("1")
    write(
        project,
        {
            "read": ("cat source > copy", ["source"]),
            "after": ("true", ["out/read"]),  # reads the same bytes again: DVC skips it
            "beside": ("true", []),
        },
    )
    assert reproduce(project, 2, tell=str) == 0
    (project / "source").write_text("2")
    assert reproduce(project, 2, ["after"], tell=str) == 0
    assert log(project)[3:] == ["read"]


def test_a_failure_stops_what_waits_for_it_and_is_told(project: Path) -> None:
    write(
        project,
        {
            "good": (meet("g", "b"), []),
            "bad": (meet("b", "g") + "; echo something broke; exit 3", []),
            "after": ("true", ["out/bad"]),
        },
    )
    told: list[str] = []
    code = reproduce(project, 2, tell=told.append)
    assert code != 0 and sorted(log(project)) == ["bad", "good"]
    assert any("something broke" in text for text in told) and any(text.startswith("bad failed") for text in told)
    assert "good" in yaml.safe_load((project / "dvc.lock").read_text())["stages"]  # what was running has ended well


def test_threads_are_one_beside_others_and_free_alone(project: Path) -> None:
    show = "(printenv OMP_NUM_THREADS || echo free) > "
    write(
        project,
        {
            "left": (show + "left; " + meet("l", "r"), []),
            "right": (show + "right; " + meet("r", "l"), []),
            "alone": (show + "alone", ["out/left", "out/right"]),
        },
    )
    assert reproduce(project, 2, tell=str) == 0
    assert [(project / name).read_text().strip() for name in ("left", "right", "alone")] == ["1", "1", "free"]


def test_a_choice_of_threads_stands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    write(project, {name: (f"echo $OMP_NUM_THREADS > {name}", []) for name in ("left", "right")})
    assert reproduce(project, 2, tell=str) == 0
    assert [(project / name).read_text().strip() for name in ("left", "right")] == ["3", "3"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_stages(project: Path, how: signal.Signals) -> None:
    write(project, {name: (f"echo $$ > pid-{name}; sleep {PATIENCE_S}", []) for name in ("left", "right")})
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "repro", "--jobs", "2"]
    running = subprocess.Popen(command, cwd=project, env=_environment(), stderr=subprocess.DEVNULL)
    marks = [project / "pid-left", project / "pid-right"]
    try:
        _until(lambda: all(mark.exists() and mark.read_text().strip() for mark in marks))
        running.send_signal(how)
        assert running.wait(PATIENCE_S) == 130
    finally:
        running.kill()
    _until(lambda: not any(_lives(int(mark.read_text())) for mark in marks))
    assert not (project / "out" / "left").exists()


def test_an_unknown_target_is_one_line(project: Path) -> None:
    write(project, {"only": ("true", [])})
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "repro", "nothing"]
    done = subprocess.run(command, cwd=project, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "error: dvc.yaml has no stage 'nothing'; `dvc stage list` names them all"
    ]


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": tools, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1"}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path(f"/proc/{pid}/stat").exists() else True


def _until(condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
