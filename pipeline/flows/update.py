"""Bringing targets up to date in a flow: every stage as a task, as soon as what it needs is done."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import prefect.runtime.flow_run
from prefect.logging import get_run_logger

from emotag.errors import InputError
from pipeline.flows import task
from pipeline.flows.execute import Order
from pipeline.flows.orphan import end_with_parent
from pipeline.flows.plan import Plan, Planned, read_plan
from pipeline.flows.runners import Runner, how_many, make_runner
from pipeline.parallel import WIDE, next_stages
from stages.settings import PipelineSettings, load_settings

_LOOK_S = 1.0  # signals are seen between looks


@dataclass(frozen=True)
class How:
    """How a flow runs its stages: the parameters that all flows share."""

    jobs: int = 0
    runner: Runner = "threads"
    cluster: str | None = None
    limit_min: float | None = None


@dataclass
class Summary:
    """What became of the stages."""

    ran: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # stage → one line
    left: list[str] = field(default_factory=list)  # not begun, since what they need has failed
    plan: Plan | None = None

    @property
    def line(self) -> str:
        """All in one line."""
        told = f"{len(self.ran)} stages ran, {len(self.cached)} were up to date"
        if self.failed:
            told += f", {len(self.failed)} failed, {len(self.left)} not begun: " + "; ".join(self.failed.values())
        return told


def update(targets: list[str], how: How) -> Summary:
    """Bring the targets (all stages when there are none) of the project in the working folder up to date.

    A failure ends what waits for it; the rest goes on. Raises InputError on an unknown target or a runner that is not
    installed.
    """
    root = Path.cwd()
    end_with_parent()
    jobs = how_many(how.jobs)
    plan = read_plan(root, targets)
    settings = load_settings(root / "params.yaml")
    gpus = _gpus(settings, plan)
    get_run_logger().info(
        f"{len(plan.todo)} of {len(plan.stages)} stages are out of date or read what is; {jobs} at a time"
    )
    run = str(prefect.runtime.flow_run.id)
    # Stages are told to end before the runner, on its way out, waits for them.
    with make_runner(how.runner, jobs, how.cluster) as runner, _stopping(run):
        return _Update(plan, how, root, runner, gpus, settings).finish(jobs)


@contextmanager
def _stopping(run: str) -> Iterator[None]:
    """Tell the stages of this run to end when the block is left, however it is left."""
    event = task.STOPPING.setdefault(run, threading.Event())
    try:
        yield
    finally:
        event.set()


def _gpus(settings: PipelineSettings, plan: Plan) -> int:
    """Give the number of CUDA devices for stages that train and render; 0 on the CPU, and when no such stage runs."""
    if settings.device == "cpu" or not any(plan.stages[name].on_device for name in plan.todo):
        return 0
    count = len(task.cuda_devices())
    if count == 0 and settings.device == "cuda":
        raise InputError("params.yaml: device is cuda, and torch finds no CUDA device here; see `emotag doctor`")
    if count:
        task.ensure_gpu_limit(count)
    return count


class _Update:
    """What waits, runs and is done."""

    def __init__(self, plan: Plan, how: How, root: Path, runner: Any, gpus: int, settings: PipelineSettings) -> None:
        self._plan, self._how, self._root, self._runner = plan, how, root, runner
        self._gpus, self._settings = gpus, settings
        self._futures: dict[str, Any] = {}
        self._over: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._running: set[str] = set()
        self.summary = Summary(plan=plan)

    def finish(self, jobs: int) -> Summary:
        for name in self._plan.stages:
            if name not in self._plan.todo:
                self._submit(self._plan.stages[name], None)
        waiting = {
            name: set(one.needs & self._plan.todo) for name, one in self._plan.stages.items() if name in self._plan.todo
        }
        while waiting or self._running:
            ready = [name for name, missing in waiting.items() if not missing]
            busy = len(self._running & self._plan.todo)
            chosen = next_stages(ready, busy, jobs)
            for name in chosen:
                del waiting[name]
                alone = (len(chosen) == 1 and busy == 0) or name.split("@")[0] in WIDE
                self._submit(self._plan.stages[name], self._order(self._plan.stages[name], alone))
            if not self._running:
                break
            name = self._next_done()
            if self._settle(name):
                for missing in waiting.values():
                    missing.discard(name)
        self.summary.left = list(waiting)
        return self.summary

    def _order(self, stage: Planned, widely: bool) -> Order:
        limit = None if self._how.limit_min is None else self._how.limit_min * 60
        return Order(stage.name, stage.outputs, widely, limit)

    def _submit(self, stage: Planned, order: Order | None) -> None:
        gpus = 0
        if order is not None and stage.on_device and self._gpus:
            processes = self._settings.pretrain.processes if stage.name == "pretrain" else 1
            gpus = min(self._gpus, processes)
        parameters = {"stage": stage.name, "order": order, "root": str(self._root), "gpus": gpus}
        needed = [self._futures[name] for name in sorted(stage.needs) if name in self._futures]
        future = self._runner.submit(task.run_stage, parameters=parameters, wait_for=needed)
        self._futures[stage.name] = future
        self._running.add(stage.name)
        future.add_done_callback(lambda _, name=stage.name: self._over.put(name))

    def _next_done(self) -> str:
        while True:
            try:
                return self._over.get(timeout=_LOOK_S)
            except queue.Empty:
                continue

    def _settle(self, name: str) -> bool:
        """Note how a stage ended; give whether those that wait for it can go on."""
        self._running.discard(name)
        future = self._futures[name]
        future.wait()
        state = future.state
        if not state.is_completed():
            self.summary.failed[name] = f"{name}: {state.name}" if not state.message else _one_line(name, state.message)
            return False
        (self.summary.cached if state.name == "Cached" else self.summary.ran).append(name)
        return True


def _one_line(name: str, message: str) -> str:
    line = " ".join(message.split())
    return line if name in line else f"{name}: {line}"
