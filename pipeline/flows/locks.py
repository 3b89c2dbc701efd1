"""Locks between runs on one machine: files under .emotag/locks, given back by the kernel when their holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOCKS = Path(".emotag") / "locks"
"""Where the files stand in a project."""

_LOOK_S = 0.1  # between looks at a lock that another run holds


class Stopped(Exception):
    """What one waited for is not wanted any more."""


def never() -> bool:
    """Say that nothing asks to stop."""
    return False


def nobody() -> None:
    """Tell nobody that one waits."""


@contextmanager
def held(
    path: Path, *, shared: bool = False, stopped: Callable[[], bool] = never, waiting: Callable[[], None] = nobody
) -> Iterator[None]:
    """Hold a lock while the block runs; `waiting` is called once when another run has it.

    Raises Stopped when `stopped()` becomes true before it is free.
    """
    with _open(path) as descriptor:
        told = False
        while not _try(descriptor, shared):
            if stopped():
                raise Stopped(f"stopped while waiting for {path.name}")
            if not told:
                told = True
                waiting()
            time.sleep(_LOOK_S)
        yield


@contextmanager
def slot(
    folder: Path, kind: str, count: int, *, stopped: Callable[[], bool] = never, waiting: Callable[[], None] = nobody
) -> Iterator[tuple[int, int]]:
    """Hold one of `count` slots of a kind; give its number, and how many others were free then.

    Raises Stopped as `held` does.
    """
    told = False
    while True:
        with ExitStack() as stack:
            open_ones = [stack.enter_context(_open(folder / f"{kind}-{number}")) for number in range(count)]
            free = [number for number, descriptor in enumerate(open_ones) if _try(descriptor, False)]
            if free:
                for number in free[1:]:
                    fcntl.flock(open_ones[number], fcntl.LOCK_UN)
                yield free[0], len(free) - 1
                return
        if stopped():
            raise Stopped(f"stopped while waiting for a slot of {kind}")
        if not told:
            told = True
            waiting()
        time.sleep(_LOOK_S)


@contextmanager
def editing_params(root: Path) -> Iterator[None]:
    """Hold params.yaml while it is read, changed and written: two registrations at once lose neither."""
    with held(root / LOCKS / "params"):
        yield


def _try(descriptor: int, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _open(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
