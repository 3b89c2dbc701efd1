"""One stage by DVC in its keeper: what runs, what is cached, and that nothing stays of one that is ended."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from dvc.repo import Repo

from emotag.errors import InputError
from pipeline.flows.execute import Listener, Order, Result, execute
from pipeline.flows.failures import BadInput, TimedOut
from pipeline.flows.keeper import remove_written
from pipeline.flows.locks import LOCKS, Stopped, held
from pipeline.flows.plan import read_plan

ROOT = Path(__file__).parents[2]
STUBBORN = "trap '' TERM; (trap '' TERM; setsid sleep 600) & echo half > out; echo $$ > pid; sleep 600; sleep 600"
"""Writes half of its output, then does not listen; and has a child in a session of its own."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def write(project: Path, **stages: dict[str, object]) -> None:
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))


class Heard:
    """Listens to a stage; stops it when `wanted` says so."""

    def __init__(self, wanted: Callable[[], bool] = lambda: False) -> None:
        self.lines: list[str] = []
        self.listener = Listener(self.lines.append, lambda reading: None, wanted)


def go(project: Path, name: str, heard: Heard | None = None, limit_s: float | None = None) -> Result:
    return execute(project, Order(name, ("out",), False, limit_s), (heard or Heard()).listener)


def below(project: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cwd", "status"])
        if process.info["cwd"] == str(project) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_stage_runs_then_is_cached(project: Path) -> None:
    (project / "source").touch()
    write(project, only={"cmd": "echo working; echo 1 > out", "deps": ["source"], "outs": ["out"]})
    heard = Heard()
    assert not go(project, "only", heard).cached
    assert "working" in heard.lines and "Running stage 'only':" in heard.lines
    again = Heard()
    assert go(project, "only", again).cached and again.lines == ["Stage 'only' didn't change, skipping"]
    (project / "out").unlink()
    assert go(project, "only").cached  # from DVC's cache
    assert (project / "out").read_text() == "1\n"


def test_bad_input_and_time_limit(project: Path) -> None:
    write(project, bad={"cmd": "echo 'error: x: broken; mend it' >&2; exit 2", "outs": ["out"]})
    with pytest.raises(BadInput, match=r"^bad: x: broken; mend it$"):
        go(project, "bad")
    write(project, slow={"cmd": STUBBORN, "outs": ["out"]})
    with pytest.raises(TimedOut, match="longer than 3 s"):
        go(project, "slow", limit_s=3.0)
    assert not below(project) and not (project / "out").exists()


def test_nothing_stays_of_a_stage_that_is_stopped(project: Path) -> None:
    write(project, slow={"cmd": STUBBORN, "outs": ["out"]})
    with pytest.raises(Stopped):
        go(project, "slow", Heard(lambda: (project / "pid").exists()))
    assert not below(project) and not (project / "out").exists()


def test_nothing_stays_when_the_one_who_waits_is_killed(project: Path) -> None:
    write(project, slow={"cmd": STUBBORN, "outs": ["out"]})
    code = (
        "from pathlib import Path; from pipeline.flows.execute import *;"
        "execute(Path.cwd(), Order('slow', ('out',), False), Listener(print, print, lambda: False))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=project, stdout=subprocess.DEVNULL) as waiting:
        until(lambda: (project / "pid").exists() and bool((project / "pid").read_text()))
        assert len(below(project)) >= 5  # who waits, the keeper, DVC, the shell and its child
        waiting.send_signal(signal.SIGKILL)
        waiting.wait()
        until(lambda: not below(project))
    assert not (project / "out").exists()
    write(project, slow={"cmd": "echo whole > out", "outs": ["out"]})
    assert not go(project, "slow").cached  # DVC's own locks are no hindrance


def test_outputs_of_earlier_runs_stay(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("whole")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("whole")
    (tmp_path / "checkpoints").mkdir()
    long_ago = time.time() - 100
    for path in ("old", "folder/old", "folder"):
        os.utime(tmp_path / path, (long_ago, long_ago))
    for name in (
        ".new.0123abcd.partial.mp4",
        ".other.0123abcd.partial.mp4",
        "checkpoints/.adapt-x.0123abcd.partial.pt",
    ):
        (tmp_path / name).touch()
    (tmp_path / "checkpoints" / "adapt-x.pt").touch()
    (tmp_path / "new.mp4").touch()
    remove_written(tmp_path, "adapt@x", ["old", "folder", "new.mp4"], time.time() - 50)
    assert sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()) == [
        ".other.0123abcd.partial.mp4", "checkpoints/adapt-x.pt", "folder/old", "old",
    ]  # fmt: skip


def test_two_that_want_the_same_stage_run_it_once(project: Path) -> None:
    write(project, only={"cmd": "echo ran >> log; sleep 1; echo 1 > out", "outs": ["out"]})
    results: list[Result] = []
    heard = [Heard(), Heard()]
    threads = [threading.Thread(target=lambda h=h: results.append(go(project, "only", h))) for h in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.cached for result in results) == [False, True]
    assert (project / "log").read_text() == "ran\n"
    assert sum("waiting: another run is making only" in one.lines for one in heard) == 1


def test_readers_of_a_folder_wait_for_those_who_write_into_it(project: Path) -> None:
    (project / "folder").mkdir()
    (project / "folder" / "first").write_text("1")
    write(
        project,
        write={"cmd": "touch begun; sleep 3; echo 2 > folder/second", "outs": ["folder/second"]},
        read={"cmd": "ls folder > out", "deps": ["folder"], "outs": ["out"]},
    )
    writing = threading.Thread(
        target=lambda: execute(project, Order("write", ("folder/second",), False), Heard().listener)
    )
    writing.start()
    until(lambda: (project / "begun").exists())
    heard = Heard()
    assert not go(project, "read", heard).cached
    writing.join()
    assert (project / "out").read_text() == "first\nsecond\n"
    assert "waiting: another stage is using its files" in heard.lines


def test_no_stage_begins_beside_one_that_wants_to_be_alone(project: Path) -> None:
    write(project, only={"cmd": "echo 1 > out", "outs": ["out"]})
    asked: list[int] = []

    def tired() -> bool:
        asked.append(1)
        return len(asked) > 3

    with held(project / LOCKS / "gate"), pytest.raises(Stopped):
        go(project, "only", Heard(tired))
    assert not go(project, "only").cached


def test_the_plan_holds_what_a_target_needs_and_no_stranger(project: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params |= {"corpus": ["ada"], "avatars": {"own": {"reference": "own"}}, "tests": {}, "videos": {}}
    names = ("ada", "own", "stranger")
    params["identities"] = {name: {"consent": "synthetic", "reference": name} for name in names}
    params["clips"] = {name: {"identity": name, "video": f"{name}.mp4"} for name in names}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    for name in names:
        (project / f"{name}.mp4").write_text(name)
    crop = {"cmd": "cp ${item.video} data/crop/${key}", "deps": ["${item.video}"], "outs": ["data/crop/${key}"]}
    write(
        project,
        crop={"foreach": "${clips}", "do": crop},
        corpus={"cmd": "ls data/crop > out", "deps": ["data/crop"], "outs": ["out"]},
        adapt={"cmd": "cp out avatar", "deps": ["out", "data/crop/own"], "params": ["device"],
               "outs": ["avatar", {"reports/metrics/m.json": {"cache": False}}]},
    )  # fmt: skip
    plan = read_plan(project, ["adapt"])
    assert list(plan.stages) == ["crop@ada", "crop@own", "corpus", "adapt"] and plan.todo == set(plan.stages)
    assert plan.stages["corpus"].needs == {"crop@ada", "crop@own"}  # own too: this run makes it
    adapt, file = plan.stages["adapt"], "reports/metrics/m.json"
    assert adapt.on_device and adapt.outputs == ("avatar", file) and adapt.metrics == (file,)
    assert not plan.stages["corpus"].on_device and plan.targets == ("adapt",)
    assert "crop@stranger" in read_plan(project).stages
    with pytest.raises(InputError, match="no stage 'nothing'"):
        read_plan(project, ["nothing"])
