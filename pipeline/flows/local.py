"""The same without Prefect, on a terminal: `emotag adapt` and `emotag speak`."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from emotag.progress import console
from pipeline.flows.console import Reading
from pipeline.flows.execute import Listener, Order, Result, execute
from pipeline.flows.failures import MayPass, StageFailed
from pipeline.flows.locks import Stopped
from pipeline.flows.plan import Planned, read_plan
from pipeline.flows.schedule import Ending, Summary, run_plan

RETRIES = 2
"""As often is tried again what may pass a second time."""

_RETRY_PAUSE_S = 5.0


def update_here(root: Path, targets: Sequence[str], jobs: int) -> Summary:
    """Bring targets up to date in threads of this process; show what runs. Raises InputError as `read_plan` does."""
    plan = read_plan(root, targets)
    stop = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True) as bars, ThreadPoolExecutor(jobs) as threads:
        try:
            return run_plan(plan, _Threads(root, threads, stop, bars, len(plan.todo)), jobs)
        finally:
            stop.set()


@dataclass
class _Threads:
    """Hands that are this process's own threads."""

    root: Path
    threads: ThreadPoolExecutor
    stop: threading.Event
    bars: Progress
    total: int
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, stage: Planned, order: Order | None, needed: list[Any]) -> Future[Result]:
        if order is not None:
            return self.threads.submit(self._run, order)
        future: Future[Result] = Future()
        future.set_result(Result(stage.name, True, 0.0))
        return future

    def ending(self, stage: Planned, future: Future[Result]) -> Ending:
        try:
            return Ending(cached=future.result().cached)
        except (StageFailed, Stopped) as error:
            return Ending(fault=str(error))

    def _run(self, order: Order) -> Result:
        began = time.monotonic()
        bar = self.bars.add_task(order.name, total=None, note="")
        try:
            for left in reversed(range(RETRIES + 1)):
                lines: list[str] = []
                try:
                    result = execute(self.root, order, self._listener(bar, lines))
                    break
                except StageFailed as error:
                    for line in lines:
                        self.bars.console.print(line, markup=False, highlight=False)
                    if not isinstance(error, MayPass) or not left:
                        raise
                    order = replace(order, alone=True)
                    self.stop.wait(_RETRY_PAUSE_S)
        finally:
            self.bars.remove_task(bar)
        with self._lock:
            self.done += 1
            took = "up to date" if result.cached else f"{time.monotonic() - began:.1f} s"
            self.bars.console.print(f"{escape(f'[{self.done}/{self.total}]')} {order.name}  {took}", highlight=False)
        return result

    def _listener(self, bar: TaskID, lines: list[str]) -> Listener:
        def show(reading: Reading) -> None:
            self.bars.update(bar, completed=reading.done, total=reading.total, note=reading.note)

        return Listener(lines.append, show, self.stop.is_set)
