"""Running another program: an argument list, a time limit, and nothing left behind when it must stop."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from emotag.errors import InputError

_GRACE_S = 2.0  # between asking a program's group to stop and killing it
_STOPPED = 128 + signal.SIGTERM  # what a shell reports for a program that a signal ended
_SHOWN_LINES = 3  # of a program's output, in an error
_SHOWN_BYTES = 1 << 14  # of its end that are looked at for them


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    code: int  # exit status; negative: the signal that ended it
    output: str  # stdout and stderr together

    @property
    def last_words(self) -> str:
        """Give the last line that says anything, for a one-line error."""
        return last_lines(self.output, 1)


def last_lines(output: str, count: int = _SHOWN_LINES) -> str:
    """Give the last lines that say anything, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-count:]) or "no output"


def run_program(
    command: Sequence[str],
    *,
    limit_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,  # added to ours
    on_stop: Callable[[], object] | None = None,  # what a signal cannot reach: a container, a remote job
    log: Path | None = None,  # where the output stands while the program runs, and afterwards; None: nowhere
) -> Finished:
    """Run a program in a process group of its own, without a shell and without input, until it ends.

    At the time limit, or when we are stopped ourselves, the whole group goes: first asked, then killed. Raises
    InputError when the program cannot be started or takes longer than `limit_s` (then with its last lines), or when
    `log` cannot be written.
    """
    with _heard(log) as heard:  # a file: a grandchild that keeps a pipe open would make us wait for it
        try:
            process = subprocess.Popen(
                command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=heard,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise InputError(f"{command[0]}: cannot be started ({error.strerror}); check its path and rights") from None
        try:
            with _stop_is_exception():
                code = process.wait(timeout=limit_s)
        except BaseException as error:
            _end_group(process)
            if on_stop is not None:
                on_stop()
            if isinstance(error, subprocess.TimeoutExpired):
                raise InputError(
                    f"{command[0]}: did not finish in {limit_s:g} s and was stopped; give it more time or less to do "
                    f"(it said last: {last_lines(_end_of(heard))}{f'; all of it is in {log}' if log else ''})"
                ) from None
            raise
        heard.seek(0)
        return Finished(code, heard.read().decode("utf-8", errors="replace"))


def _heard(log: Path | None) -> IO[bytes]:
    """Open a new file for a program's output; in a log every process appends, whatever we have read of it."""
    if log is None:
        return tempfile.TemporaryFile()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        return log.open("a+b")
    except OSError as error:
        raise InputError(f"{log}: cannot be written ({error.strerror}); check its folder's rights") from None


def _end_of(heard: IO[bytes]) -> str:
    heard.seek(max(0, heard.seek(0, os.SEEK_END) - _SHOWN_BYTES))
    return heard.read().decode("utf-8", errors="replace")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Stop every process of the group, children of children too."""
    for order, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, order)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=wait_s)


@contextlib.contextmanager
def _stop_is_exception() -> Iterator[None]:
    """Turn SIGTERM, which would end us at once, into SystemExit, so that the program does not outlive us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(_STOPPED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
