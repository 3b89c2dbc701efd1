"""Where time goes: named sections of code that a benchmark measures, and that cost nothing otherwise."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

_active: "Stopwatch | None" = None


class Stopwatch:
    """Seconds by section. It waits for the device around each, so sections add up to more than an unmeasured run."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._device = device

    @contextmanager
    def running(self) -> Iterator["Stopwatch"]:
        """Measure every section entered in the block."""
        global _active
        before, _active = _active, self
        try:
            yield self
        finally:
            _active = before

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure one section."""
        start = self._now()
        try:
            yield
        finally:
            self.seconds[name] += self._now() - start

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


_NOTHING: AbstractContextManager[None] = nullcontext()


def section(name: str) -> AbstractContextManager[None]:
    """Name a piece of work; measured only inside `Stopwatch.running`."""
    return _NOTHING if _active is None else _active.measure(name)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure nothing inside the block: where work is recorded and not done, nobody may wait for the device."""
    global _active
    before, _active = _active, None
    try:
        yield
    finally:
        _active = before
