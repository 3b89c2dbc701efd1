"""How a stage can fail, and which failures may pass a second time."""

import re
import signal
from collections.abc import Sequence

from pipeline.flows.single import BUSY

_EXITED = re.compile(r"exited with (-?\d+)")
_BUSY = ("is busy, it is being blocked by", "Unable to acquire lock", "Unable to read RWLock-file")
_MEMORY = ("out of memory", "OutOfMemoryError", "MemoryError", "can't allocate memory", "Cannot allocate memory",
           "std::bad_alloc")  # fmt: skip
_CRASH_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_DEVICE = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "NCCL error")
BAD_INPUT = 2
"""Exit code of a stage whose input is bad."""


class StageFailed(Exception):
    """A stage ended badly: one line. Running it again as it is would end alike."""


class BadInput(StageFailed):
    """The stage refused its input; the line says what to do."""


class TimedOut(StageFailed):
    """The stage took longer than it was allowed."""


class MayPass(StageFailed):
    """A second try may end well."""


class Busy(MayPass):
    """Another stage holds what this one reads or writes."""


class OutOfMemory(MayPass):
    """Host or device ran out of memory; beside fewer others there may be enough."""


class Crashed(MayPass):
    """A program was ended by a signal, or a device failed."""


def failure(name: str, code: int, lines: Sequence[str]) -> StageFailed:
    """Say what an exit code (of DVC: not 0) and the last lines of output mean."""
    text = "\n".join(lines)
    exits = [int(found[1]) for line in lines if (found := _EXITED.search(line))]
    own = exits[-1] if exits else None  # of the stage's command, as DVC tells it
    told = [line for line in lines if line.startswith("error: ")]
    if own == BAD_INPUT:
        return BadInput(f"{name}: {told[-1].removeprefix('error: ') if told else 'bad input; see the log'}")
    if code == BUSY or (own is None and any(words in text for words in _BUSY)):
        return Busy(f"{name}: another stage is using its files")
    if any(words in text for words in _MEMORY):
        return OutOfMemory(f"{name}: out of memory")
    ended_by = _signal(own if own is not None else code)
    if ended_by == signal.SIGKILL:
        return OutOfMemory(f"{name}: killed by the system, as it does when memory runs out")
    if ended_by in _CRASH_SIGNALS:
        return Crashed(f"{name}: ended by {signal.Signals(ended_by).name}")
    if own is not None and any(words in text for words in _DEVICE):
        return Crashed(f"{name}: the device failed")
    last = [line.strip() for line in lines if line.strip() and not _EXITED.search(line)]
    return StageFailed(f"{name}: failed with exit code {own if own is not None else code} ({last[-1] if last else ''})")


def _signal(code: int) -> int | None:
    """Give the signal that an exit code tells of: negative by Python, above 128 by a shell and by the keeper."""
    number = -code if code < 0 else code - 128
    return number if 0 < number < signal.NSIG else None
