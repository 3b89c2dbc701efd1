"""Bringing targets up to date in a flow: every stage is a task of Prefect's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prefect.runtime.flow_run
from prefect.logging import get_run_logger

from emotag.errors import InputError
from pipeline.flows import task
from pipeline.flows.execute import Order
from pipeline.flows.plan import Plan, Planned, read_plan
from pipeline.flows.runners import Runner, how_many, make_runner
from pipeline.flows.schedule import Ending, Summary, run_plan
from stages.settings import PipelineSettings, load_settings


@dataclass(frozen=True)
class How:
    """How a flow runs its stages: the parameters that all flows share (pipeline/flows/parameters.py)."""

    jobs: int = 0
    runner: Runner = "threads"
    cluster: str = ""  # empty: none
    limit_minutes: float = 0.0  # of a stage; 0: none


def update(targets: list[str], how: How) -> Summary:
    """Bring the targets (all stages when there are none) of the project in the working folder up to date.

    A failure ends what waits for it; the rest goes on. Raises InputError on an unknown target or a runner that is not
    installed.
    """
    root = Path.cwd()
    jobs = how_many(how.jobs)
    plan = read_plan(root, targets)
    settings = load_settings(root / "params.yaml")
    gpus = _gpus(settings, plan)
    get_run_logger().info(
        f"{len(plan.todo)} of {len(plan.stages)} stages are out of date or read what is; {jobs} at a time"
    )
    run = str(prefect.runtime.flow_run.id)
    # Stages are told to end before the runner, on its way out, waits for them.
    with make_runner(how.runner, jobs, how.cluster or None) as runner, _stopping(run):
        tasks = _Tasks(root, runner, gpus, settings.pretrain.processes)
        return run_plan(plan, tasks, jobs, how.limit_minutes * 60 or None)


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


@dataclass(frozen=True)
class _Tasks:
    """Hands that are a Prefect task runner's."""

    root: Path
    runner: Any
    gpus: int  # CUDA devices; 0: none is used
    processes: int  # of pretraining, each with a device

    def submit(self, stage: Planned, order: Order | None, needed: list[Any]) -> Any:
        gpus = min(self.gpus, self.processes if stage.name == "pretrain" else 1)
        parameters = {
            "stage": stage.name,
            "order": order,
            "root": str(self.root),
            "gpus": gpus if order is not None and stage.on_device else 0,
        }
        return self.runner.submit(task.run_stage, parameters=parameters, wait_for=needed)

    def ending(self, stage: Planned, future: Any) -> Ending:
        future.wait()
        state = future.state
        if state.is_completed():
            return Ending(cached=state.name == "Cached")
        line = " ".join((state.message or state.name).split())
        if not state.is_final():  # never came to the task: a cluster's machine has another environment, or is gone
            try:
                future.result(raise_on_failure=False)
            except Exception as error:  # whatever the cluster says
                line = f"did not begin ({type(error).__name__}: {' '.join(str(error).split())})"
        return Ending(fault=line if stage.name in line else f"{stage.name}: {line}")
