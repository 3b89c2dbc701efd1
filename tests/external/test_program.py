"""Programs that are run: where their output goes, and what is told of it."""

import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from emotag.errors import InputError
from emotag.external.program import last_lines, run_program

PYTHON = [sys.executable, "-u", "-c"]
PATIENCE_S = 30.0


def test_the_log_grows_while_the_program_runs(tmp_path: Path) -> None:
    """The program ends only after somebody has read its first line in the log."""
    log, seen = tmp_path / "new" / "run.log", tmp_path / "seen"
    code = f"import pathlib, time; print('one')\nwhile not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.02)"
    read: list[str] = []

    def watch() -> None:
        end = time.monotonic() + PATIENCE_S
        while not (log.is_file() and log.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        read.append(log.read_text())
        seen.touch()

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = run_program([*PYTHON, f"{code}\nprint('two')"], limit_s=2 * PATIENCE_S, log=log)
    watcher.join()
    assert read == ["one\n"]
    assert done.code == 0 and done.output == log.read_text() == "one\ntwo\n"


def test_a_log_is_of_one_run(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("of the run before\n" * 100)
    run_program([*PYTHON, "import sys; print('out'); print('err', file=sys.stderr)"], limit_s=PATIENCE_S, log=log)
    assert log.read_text() == "out\nerr\n"


@pytest.mark.parametrize("named", [True, False])
def test_a_time_out_shows_the_last_lines(tmp_path: Path, named: bool) -> None:
    log = tmp_path / "run.log" if named else None
    code = r"for i in 1 2 3 4 5 6 7 8; do printf 'epoch %s\r' $i; done; echo; sleep 60"
    with pytest.raises(InputError, match=r"did not finish in 1 s .*said last: epoch 6 / epoch 7 / epoch 8") as told:
        run_program(["sh", "-c", code], limit_s=1, log=log)
    assert "\n" not in str(told.value) and (str(tmp_path) in str(told.value)) == named
    if log is not None:
        assert log.read_text().count("epoch") == 8


def test_a_log_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"run\.log: cannot be written") as told:
        run_program([*PYTHON, "open('ran', 'w')"], limit_s=PATIENCE_S, cwd=tmp_path, log=tmp_path / "file" / "run.log")
    assert "\n" not in str(told.value) and not (tmp_path / "ran").exists()


def test_without_a_log_nothing_is_left(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho all; echo well >&2; exit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = run_program([str(program)], limit_s=PATIENCE_S, cwd=tmp_path)
    assert (done.code, done.output, done.last_words) == (3, "all\nwell\n", "well")
    assert [path.name for path in tmp_path.iterdir()] == ["program"]


def test_last_lines_of_nothing() -> None:
    assert last_lines(" \n\n") == "no output"
