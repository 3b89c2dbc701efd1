"""What the flows are made of, without a server: output, locks, failures, plan, schedule, artifacts, parameters."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotag.errors import InputError
from pipeline.flows.artifacts import data_uri, key, metric_rows, pictures_of
from pipeline.flows.console import LIVE, Output, Reading
from pipeline.flows.execute import Order
from pipeline.flows.failures import BadInput, Busy, Crashed, MayPass, OutOfMemory, StageFailed, failure
from pipeline.flows.locks import Stopped, held, slot
from pipeline.flows.people import default_test_seconds, sound_name
from pipeline.flows.plan import Plan, Planned
from pipeline.flows.runners import make_runner
from pipeline.flows.schedule import Ending, run_plan
from pipeline.flows.single import BUSY

PROGRAM = """
import time
from emotag.progress import progress_bar, summary
with progress_bar("adapt", 40) as bar:
    for step in range(4):
        bar.advance(10, f"loss {step / 7:.3f}  PSNR {20 + step}.0")
        time.sleep(0.15)
summary("adapt", [("splats", 3)])
print("the end")
"""


def test_bars_are_read_from_a_pipe_and_text_comes_clean() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **LIVE}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=True,
    )  # fmt: skip
    output = Output()
    pieces = [done.stdout[i : i + 7] for i in range(0, len(done.stdout), 7)]  # breaks inside of letters and codes
    items = [item for piece in [*pieces, b""] for item in output.feed(piece)]
    readings = [item for item in items if isinstance(item, Reading)]
    lines = [item for item in items if isinstance(item, str)]
    assert readings[-1] == Reading("adapt", 40, 40, "loss 0.429  PSNR 23.0") and readings[-1].percent == 100
    assert {reading.done for reading in readings} >= {10, 20, 30, 40}
    assert "the end" in lines and any("splats" in line for line in lines)
    assert not any("\x1b" in line or "━" in line for line in lines)


def test_the_last_line_needs_no_end() -> None:
    output = Output()
    assert list(output.feed("no e\u0301nd".encode()[:-1])) == []
    assert len(list(output.feed(b""))) == 1


@pytest.mark.parametrize(
    ("code", "lines", "kind", "words"),
    [
        (255, ["error: a.mp4: no face in frame 3; film one", "ERROR: failed to run: x, exited with 2"], BadInput,
         "crop@a: a.mp4: no face in frame 3; film one"),
        (255, ["ERROR: failed to run: x, exited with -11"], Crashed, "SIGSEGV"),
        (255, ["ERROR: failed to run: x, exited with 139"], Crashed, "SIGSEGV"),
        (255, ["ERROR: failed to run: x, exited with -9"], OutOfMemory, "memory"),
        (137, [], OutOfMemory, "memory"),
        (255, ["torch.OutOfMemoryError: CUDA out of memory. Tried", "failed to run: x, exited with 1"], OutOfMemory,
         "memory"),
        (255, ["RuntimeError: CUDA error: an illegal memory access", "failed to run: x, exited with 1"], Crashed,
         "device"),
        (BUSY, ["'data/crop' is busy, it is being blocked by:"], Busy, "using its files"),
        (255, ["ERROR: Unable to acquire lock. Most likely another DVC process is running"], Busy, "using its files"),
        (255, ["KeyError: 'jaw'", "ERROR: failed to run: x, exited with 1"], StageFailed,
         "exit code 1 (KeyError: 'jaw')"),
        (253, ["ERROR: you are not inside of a DVC repository"], StageFailed, "exit code 253"),
    ],
)  # fmt: skip
def test_failures_are_told_apart(code: int, lines: list[str], kind: type[StageFailed], words: str) -> None:
    error = failure("crop@a", code, lines)
    assert type(error) is kind and words in str(error) and "\n" not in str(error)
    assert isinstance(error, MayPass) == (kind in (Busy, OutOfMemory, Crashed))


def test_a_lock_is_waited_for_told_once_and_given_up_when_stopped(tmp_path: Path) -> None:
    told: list[int] = []
    waits = {"stopped": lambda: bool(told), "waiting": lambda: told.append(1)}
    with held(tmp_path / "a"):
        with held(tmp_path / "b"):
            pass
        with (
            pytest.raises(Stopped),
            held(tmp_path / "a", **waits),
        ):
            pass
    assert told == [1]
    with held(tmp_path / "a", shared=True), held(tmp_path / "a", shared=True):
        pass


def test_the_kernel_gives_the_lock_of_the_dead_back(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from pipeline.flows.locks import held
with held(Path({str(tmp_path / "a")!r})):
    print("held", flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(Stopped), held(tmp_path / "a", stopped=lambda: True):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with held(tmp_path / "a", stopped=lambda: True):
        pass


def test_slots_are_as_many_as_there_are(tmp_path: Path) -> None:
    with slot(tmp_path, "core", 2) as (first, free), slot(tmp_path, "core", 2) as (second, rest):
        assert {first, second} == {0, 1} and (free, rest) == (1, 0)
        with pytest.raises(Stopped), slot(tmp_path, "core", 2, stopped=lambda: True):
            pass
    with slot(tmp_path, "core", 2) as (number, free):
        assert (number, free) == (0, 1)


class Hands:
    """Ends every stage at once; `faults` badly."""

    def __init__(self, faults: set[str]) -> None:
        self.faults, self.begun, self.orders = faults, list[str](), dict[str, Order | None]()

    def submit(self, stage: Planned, order: Order | None, needed: list[Any]) -> Future[None]:
        self.begun.append(stage.name)
        self.orders[stage.name] = order
        future: Future[None] = Future()
        threading.Timer(0.01, future.set_result, [None]).start()
        return future

    def ending(self, stage: Planned, future: Future[None]) -> Ending:
        fault = f"{stage.name}: broken" if stage.name in self.faults else None
        return Ending(cached=self.orders[stage.name] is None, fault=fault)


def plan_of(needs: dict[str, str], todo: set[str]) -> Plan:
    stages = {name: Planned(name, frozenset(others.split()), (), (), 0, False) for name, others in needs.items()}
    return Plan(stages, frozenset(todo), ())


DAG = {"a": "", "b": "a", "c": "a", "adapt@x": "b", "e": "adapt@x c"}


def test_what_is_up_to_date_is_only_told() -> None:
    hands = Hands(set())
    summary = run_plan(plan_of(DAG, {"c", "e"}), hands, jobs=2)
    assert summary.ran == ["c", "e"] and set(summary.cached) == {"a", "b", "adapt@x"}
    assert {name for name, order in hands.orders.items() if order is not None} == {"c", "e"}
    assert summary.line == "2 stages ran, 3 were up to date"


def test_a_failure_holds_what_needs_it_and_nothing_else() -> None:
    summary = run_plan(plan_of(DAG, set(DAG)), Hands({"b"}), jobs=2)
    assert set(summary.ran) == {"a", "c"} and summary.failed == {"b": "b: broken"}
    assert set(summary.left) == {"adapt@x", "e"}
    assert summary.line.endswith("1 failed, 2 not begun: b: broken")


def test_wide_stages_and_those_alone_may_use_all_cores() -> None:
    hands = Hands(set())
    run_plan(plan_of({"a": "", "b": "a", "c": "a", "adapt@x": "b c"}, {"a", "b", "c", "adapt@x"}), hands, jobs=2)
    assert {name: order.widely for name, order in hands.orders.items() if order} == {
        "a": True, "b": False, "c": False, "adapt@x": True,
    }  # fmt: skip


def test_keys_are_what_prefect_takes() -> None:
    assert key("sheet", "action_units@Ada-1") == "sheet-action-units-ada-1"


def test_pictures_of_a_stage_become_data(tmp_path: Path) -> None:
    (tmp_path / "models" / "x").mkdir(parents=True)
    for name in ("models/x/sheet.jpg", "crop.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 2000, 3), np.uint8))
    (tmp_path / "models" / "x" / "log.parquet").touch()
    found = pictures_of(tmp_path, ["models/x", "crop.png", "crop.mp4"])
    assert [file.name for file in found] == ["sheet.jpg", "crop.png"]
    assert data_uri(found[0]).startswith("data:image/jpeg;base64,/9j/") and len(data_uri(found[0])) < 3000
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(ValueError, match="not a picture"):
        data_uri(tmp_path / "broken.jpg")


def test_metrics_stand_beside_the_papers(tmp_path: Path) -> None:
    content = '{"tests": [{"test": "t", "metrics": {"psnr": 28.123, "jitter": null}, "frozen": {"psnr": 20.0}}]}'
    (tmp_path / "t.json").write_text(content)
    psnr, jitter = metric_rows(tmp_path, ["t.json"])
    assert psnr == {"test": "t", "metric": "PSNR (dB)", "this run": "28.12", "frozen face": "20.00",
                    "paper, neutral": "30.02", "paper, emotional": "29.95"}  # fmt: skip
    assert jitter["this run"] == jitter["frozen face"] == "–" and jitter["paper, neutral"] == ""


@pytest.mark.parametrize(("seconds", "expected"), [(5.0, 0.0), (7.9, 0.0), (9.0, 4.0), (60.0, 10.0)])
def test_the_test_takes_what_is_left(monkeypatch: pytest.MonkeyPatch, seconds: float, expected: float) -> None:
    monkeypatch.setattr("pipeline.flows.people.video_seconds", lambda video: seconds)
    assert default_test_seconds(Path("a.mp4"), 5.0) == expected


def test_a_sound_is_named_after_its_file() -> None:
    assert sound_name(Path("/x/My Voice (2).WAV")) == "my-voice-2"
    with pytest.raises(InputError, match="no name can be made"):
        sound_name(Path("___.wav"))


def test_a_runner_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prefect_dask", "prefect_ray"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'emotag\[dask\]'"):
        make_runner("dask", 2, None)
    with pytest.raises(InputError, match=r"pip install 'emotag\[ray\]'"):
        make_runner("ray", 2, None)
    with pytest.raises(InputError, match="for the runners dask and ray"):
        make_runner("threads", 2, "tcp://host:8786")
