"""Which stage begins when: as soon as what it needs is done, as many at a time as one wants. No Prefect here."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.flows.execute import Order
from pipeline.flows.plan import Plan, Planned
from pipeline.parallel import WIDE, next_stages

_LOOK_S = 1.0  # signals are seen between looks


class Future(Protocol):
    """A stage that was handed over."""

    def add_done_callback(self, fn: Callable[[Any], None]) -> Any:
        """Call `fn` when it is over."""


@dataclass(frozen=True)
class Ending:
    """How a stage ended."""

    cached: bool = False  # there was nothing to do
    fault: str | None = None  # one line; None when it ended well


class Hands(Protocol):
    """Who runs the stages."""

    def submit(self, stage: Planned, order: Order | None, needed: list[Any]) -> Future:
        """Begin a stage (None: it is up to date, only say so); `needed` are the futures of what it reads."""

    def ending(self, stage: Planned, future: Any) -> Ending:
        """Say how a stage that is over ended."""


@dataclass
class Summary:
    """What became of the stages."""

    plan: Plan
    ran: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # stage → one line
    left: list[str] = field(default_factory=list)  # not begun, since what they need has failed

    @property
    def line(self) -> str:
        """All in one line."""
        told = f"{len(self.ran)} stages ran, {len(self.cached)} were up to date"
        if self.failed:
            told += f", {len(self.failed)} failed, {len(self.left)} not begun: " + "; ".join(self.failed.values())
        return told


def run_plan(plan: Plan, hands: Hands, jobs: int, limit_s: float | None = None) -> Summary:
    """Bring a plan's stages up to date, `jobs` at a time. What needs a failed one does not begin; the rest goes on."""
    return _Run(plan, hands, limit_s).finish(jobs)


class _Run:
    """What waits, runs and is done."""

    def __init__(self, plan: Plan, hands: Hands, limit_s: float | None) -> None:
        self._plan, self._hands, self._limit_s = plan, hands, limit_s
        self._futures: dict[str, Future] = {}
        self._over: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._running: set[str] = set()
        self._summary = Summary(plan)

    def finish(self, jobs: int) -> Summary:
        stages, todo = self._plan.stages, self._plan.todo
        for name in stages:
            if name not in todo:
                self._submit(name, None)
        waiting = {name: set(one.needs & todo) for name, one in stages.items() if name in todo}
        while waiting or self._running:
            busy = len(self._running & todo)
            chosen = next_stages([name for name, missing in waiting.items() if not missing], busy, jobs)
            for name in chosen:
                del waiting[name]
                widely = (len(chosen) == 1 and busy == 0) or name.split("@")[0] in WIDE
                self._submit(name, Order(name, stages[name].outputs, widely, self._limit_s))
            if not self._running:
                break
            name = self._next_over()
            if self._settle(name):
                for missing in waiting.values():
                    missing.discard(name)
        self._summary.left = list(waiting)
        return self._summary

    def _submit(self, name: str, order: Order | None) -> None:
        stage = self._plan.stages[name]
        needed = [self._futures[other] for other in sorted(stage.needs) if other in self._futures]
        self._futures[name] = future = self._hands.submit(stage, order, needed)
        self._running.add(name)
        future.add_done_callback(lambda _: self._over.put(name))

    def _next_over(self) -> str:
        while True:
            try:
                return self._over.get(timeout=_LOOK_S)
            except queue.Empty:
                continue

    def _settle(self, name: str) -> bool:
        """Note how a stage ended; give whether those that wait for it can go on."""
        self._running.discard(name)
        ending = self._hands.ending(self._plan.stages[name], self._futures[name])
        if ending.fault is not None:
            self._summary.failed[name] = ending.fault
            return False
        (self._summary.cached if ending.cached else self._summary.ran).append(name)
        return True
