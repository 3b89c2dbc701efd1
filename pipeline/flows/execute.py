"""Running one stage on this machine beside others: its turn, process, output and time limit. No Prefect here."""

import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.flows.console import LIVE, Output, Reading
from pipeline.flows.failures import Busy, TimedOut, failure
from pipeline.flows.keeper import GRACE_S
from pipeline.flows.locks import LOCKS, Stopped, held, slot

IMPATIENT_S = 20.0
"""A stage that others keep from its files for so long has no new stage begin until it is done."""

BUSY_LIMIT_S = 3600.0
"""After this it fails."""

_TICK_S = 0.25
_PAUSES_S = (1.0, 2.0, 4.0)  # between looks whether the files are free; the last one again and again
_KEPT_LINES = 60
_NOT_NEWS = (  # DVC's advice after every stage
    "Updating lock file",
    "Use `dvc push`",
    "To track the changes with git",
    "git add dvc.lock",
    "To enable auto staging",
    "dvc config core.autostage",
)


@dataclass(frozen=True)
class Order:
    """A stage to run."""

    name: str
    outputs: tuple[str, ...]  # relative to the project
    widely: bool  # takes all cores that are free
    limit_s: float | None = None
    alone: bool = False  # no other stage begins on this machine meanwhile
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Listener:
    """Whom a running stage tells, and whom it asks."""

    line: Callable[[str], None]
    reading: Callable[[Reading], None]
    stopped: Callable[[], bool]


@dataclass(frozen=True)
class Result:
    """How a stage ended well."""

    name: str
    cached: bool  # DVC ran nothing
    seconds: float


def execute(root: Path, order: Order, listener: Listener) -> Result:
    """Bring one stage up to date; wait for whoever runs the same stage, for a core, and for its files.

    Raises StageFailed (its kinds say whether a second try may help) and Stopped.
    """
    began = time.monotonic()
    locks = root / LOCKS
    stage_lock = locks / f"stage-{order.name.replace('/', '-')}"
    with ExitStack() as stack:
        stack.enter_context(
            held(stage_lock, stopped=listener.stopped,
                 waiting=lambda: listener.line(f"waiting: another run is making {order.name}"))
        )  # fmt: skip
        for attempt in range(sys.maxsize):
            waited = time.monotonic() - began
            try:
                with _turn(locks, order, listener, first=order.alone or waited > IMPATIENT_S) as threads:
                    cached = _run(root, order, listener, threads)
                return Result(order.name, cached, time.monotonic() - began)
            except Busy:
                if time.monotonic() - began > BUSY_LIMIT_S:
                    raise
                if attempt == 0:
                    listener.line("waiting: another stage is using its files")
                _pause(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)], listener)
    raise AssertionError("unreachable")


@contextmanager
def _turn(locks: Path, order: Order, listener: Listener, first: bool) -> Iterator[int]:
    """Hold a core's slot; give the number of threads to use. `first` keeps later ones from beginning meanwhile.

    A wide stage has a thread for every core that is free as it begins; those who come later share with it.
    """
    gate = locks / "gate"
    count = len(os.sched_getaffinity(0))
    with ExitStack() as stack:
        entry = stack.enter_context(ExitStack())
        entry.enter_context(held(gate, shared=not first, stopped=listener.stopped))
        if not first:
            entry.close()  # let through: who comes first now does not wait for this stage to end
        _, free = stack.enter_context(
            slot(locks, "core", count, stopped=listener.stopped,
                 waiting=lambda: listener.line("waiting for a free core"))
        )  # fmt: skip
        yield 1 + free if order.widely else 1


def _run(root: Path, order: Order, listener: Listener, threads: int) -> bool:
    """Run DVC once; give whether there was nothing to do."""
    environment = {**os.environ, **LIVE, **dict(order.environment)}
    if threads < len(os.sched_getaffinity(0)):
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    command = [sys.executable, "-m", "pipeline.flows.keeper", order.name, *order.outputs]
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    ran = False
    try:
        for item in _listen(process.stdout, order, listener):
            if isinstance(item, Reading):
                listener.reading(item)
                continue
            ran = ran or item.startswith(f"Running stage '{order.name}'")
            if item.strip().startswith(_NOT_NEWS):
                continue
            lines.append(item)
            listener.line(item)
        code = process.wait()
    finally:
        _end(process)
    if code:
        raise failure(order.name, code, lines)
    return not ran


def _listen(pipe: IO[bytes], order: Order, listener: Listener) -> Iterator[str | Reading]:
    """Give output until it ends. Raises Stopped and TimedOut."""
    output = Output()
    deadline = None if order.limit_s is None else time.monotonic() + order.limit_s
    while True:
        if listener.stopped():
            raise Stopped(f"{order.name} was stopped")
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut(f"{order.name}: took longer than {order.limit_s:g} s and was stopped")
        if not select.select([pipe], [], [], _TICK_S)[0]:
            continue
        piece = os.read(pipe.fileno(), 1 << 16)
        yield from output.feed(piece)
        if not piece:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the life line of the keeper and wait until it has ended everything."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(2 * GRACE_S + 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pause(seconds: float, listener: Listener) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if listener.stopped():
            raise Stopped("stopped while waiting for files")
        time.sleep(min(_TICK_S, seconds))
