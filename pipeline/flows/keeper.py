"""A process that keeps one stage, and ends it with all that it started when asked or when its own parent dies.

`python -m pipeline.flows.keeper STAGE [OUTPUT…]` runs the stage by DVC in a process group below itself. Its standard
input is a life line: when the other end closes, however that came about (a crash, kill -9 of the worker), or on
SIGTERM, the stage gets SIGTERM and, after some seconds, SIGKILL, and what it had written is removed: no process and no
half of an output stays. Checkpoints stay, so the next run goes on from them.
"""

import argparse
import ctypes
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType

STOPPED = 128 + signal.SIGTERM
"""Exit code when the stage was ended on request."""

GRACE_S = 4.0
"""From SIGTERM to SIGKILL: a stage that runs an external program needs two seconds to end it."""

_LOOK_S = 0.1
_PARTIAL = "?" * 8  # emotag.files.atomic's random part
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


def keep(start: Callable[[], object], root: Path, stage: str, outputs: Iterable[str], life_line: int) -> int:
    """Run `start` in a child process; give its exit code, or STOPPED when it was ended.

    `start` ends with SystemExit, as DVC's command does. `outputs` are the stage's, relative to `root`.
    """
    began = time.time()
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    _adopt_orphans()
    child = os.fork()
    if child == 0:
        _become(start, life_line)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_all()  # a stage that crashed may have left children
            return os.waitstatus_to_exitcode(status)
        with suppress(InterruptedError):
            readable, _, _ = select.select([life_line], [], [], _LOOK_S)
            if readable and not os.read(life_line, 1024):
                asked.append(signal.SIGHUP)
        if asked:
            _end_all()
            remove_written(root, stage, outputs, began)
            return STOPPED


def _become(start: Callable[[], object], life_line: int) -> None:
    """Be the child: run, and never return."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), life_line)
        start()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(bool(ending.code))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


def _end_all() -> None:
    """End every process below this one, those in other sessions and those whose parent has died too."""
    import psutil

    me = psutil.Process()
    deadline = time.monotonic() + GRACE_S
    told: set[int] = set()
    while below := me.children(recursive=True):
        late = time.monotonic() > deadline
        for process in below:
            if late or process.pid not in told:
                told.add(process.pid)
                with suppress(psutil.NoSuchProcess, PermissionError):
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def remove_written(root: Path, stage: str, outputs: Iterable[str], since: float) -> None:
    """Remove what was written to outputs after `since` (seconds of the epoch), and unfinished files beside them.

    Outputs that nobody has touched stay: the stage had not begun.
    """
    places = [root / output for output in outputs]
    for place in places:
        if place.is_dir() and any(_newer(file, since) for file in (place, *place.rglob("*"))):
            shutil.rmtree(place, ignore_errors=True)
        elif place.is_file() and _newer(place, since):
            place.unlink(missing_ok=True)
    for place in (*places, root / "checkpoints" / f"{stage.replace('@', '-')}.pt"):
        for partial in place.parent.glob(f".{place.stem}.{_PARTIAL}.partial*"):
            partial.unlink(missing_ok=True)


def _newer(file: Path, since: float) -> bool:
    with suppress(FileNotFoundError):
        return file.stat().st_mtime >= since - 0.01  # clocks of file systems tick
    return False


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies (Linux), so that none can hide from `_end_all`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one stage by DVC; end it when standard input closes.")
    parser.add_argument("stage")
    parser.add_argument("outputs", nargs="*")
    return parser.parse_args()


def main() -> None:
    """Keep the stage that the command line names, in the folder this runs in."""
    arguments = _arguments()
    from pipeline.flows.single import reproduce_single

    root = Path.cwd()
    code = keep(lambda: reproduce_single(arguments.stage), root, arguments.stage, arguments.outputs, sys.stdin.fileno())
    raise SystemExit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
