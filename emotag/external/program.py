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

from emotag.errors import InputError

_GRACE_S = 2.0  # between asking a program's group to stop and killing it
_STOPPED = 128 + signal.SIGTERM  # what a shell reports for a program that a signal ended


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    code: int  # exit status; negative: the signal that ended it
    output: str  # stdout and stderr together

    @property
    def last_words(self) -> str:
        """Give the last line that says anything, for a one-line error."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else "no output"


def run_program(
    command: Sequence[str],
    *,
    limit_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,  # added to ours
    on_stop: Callable[[], object] | None = None,  # what a signal cannot reach: a container, a remote job
) -> Finished:
    """Run a program in a process group of its own, without a shell and without input, until it ends.

    At the time limit, or when we are stopped ourselves, the whole group goes: first asked, then killed. Raises
    InputError when the program cannot be started or takes longer than `limit_s`.
    """
    with tempfile.TemporaryFile() as heard:  # a file: a grandchild that keeps a pipe open would make us wait for it
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
                    f"{command[0]}: did not finish in {limit_s:g} s and was stopped; give it more time or less to do"
                ) from None
            raise
        heard.seek(0)
        return Finished(code, heard.read().decode("utf-8", errors="replace"))


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
