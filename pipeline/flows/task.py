"""The one task: a stage of the DAG."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from pipeline.flows import artifacts
from pipeline.flows.execute import Listener, Order, Result, execute
from pipeline.flows.failures import MayPass, StageFailed, TimedOut
from pipeline.flows.locks import LOCKS, Stopped, slot

GPU = "gpu"
"""Prefect's concurrency limit that stages on a CUDA device take a slot of."""

RETRIES = 2
RETRY_DELAYS_S = [5.0, 30.0]

_ASK_S = 4.0  # between questions to the server whether the run was cancelled
_SLOT_WAIT_S = 5.0

STOPPING: dict[str, threading.Event] = {}
"""Flow runs of this process that are ending, by id: their stages end too."""


def may_pass(task: object, run: object, state: State[Any]) -> bool:
    """Say whether a failure is worth another try: one that was raised; a failed state that was returned is final."""
    return isinstance(state.data, Exception)


@task(
    name="stage",
    task_run_name="{stage}",
    description="Bring one DVC stage up to date",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=may_pass,
    persist_result=False,
)
def run_stage(stage: str, order: Order | None, root: str, gpus: int = 0) -> "State[Result] | Result":
    """Run `dvc --wait-for-lock repro --single-item STAGE`; the state is `Cached` when DVC had nothing to do.

    `order` None says that nothing has changed. `gpus` slots of the limit `gpu` are held meanwhile. Only what may pass a
    second time is raised, and so tried again (then with no new stage beside it); the rest gives a failed state.
    """
    if order is None:
        return Completed(name="Cached", message="unchanged", data=Result(stage, True, 0.0))
    context = TaskRunContext.get()
    again = context is not None and context.task_run.run_count > 1
    order = replace(order, alone=order.alone or again)
    logger = get_run_logger()
    progress = artifacts.Progress(stage)
    try:
        with _stop_of(context) as stopped, _gpu(Path(root), gpus, stopped) as environment:
            order = replace(order, environment=(*order.environment, *environment))
            result = execute(Path(root), order, Listener(logger.info, progress.show, stopped))
    except MayPass:
        raise
    except TimedOut as error:
        return Failed(name="TimedOut", message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))
    except Stopped as error:
        return Cancelled(message=str(error))
    if result.cached:
        return Completed(name="Cached", message="DVC: nothing has changed", data=result)
    with suppress(OSError):  # another run may be writing these again
        artifacts.show_pictures(Path(root), stage, order.outputs)
    return result


@contextmanager
def _stop_of(context: TaskRunContext | None) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether the flow run ends: told in this process, or by the server (other machines)."""
    run = None if context is None else context.task_run.flow_run_id
    event = STOPPING.get(str(run))
    asked = time.monotonic()
    over = False
    with get_client(sync_client=True) as client:

        def stopped() -> bool:
            nonlocal asked, over
            if over or (event is not None and event.is_set()):
                return True
            if run is not None and time.monotonic() - asked > _ASK_S:
                asked = time.monotonic()
                with suppress(Exception):  # a server that restarts must not end hours of work
                    over = _over(client, run)
            return over

        yield stopped


def _over(client: "object", run: UUID) -> bool:
    try:
        state = client.read_flow_run(run).state  # type: ignore[attr-defined]
    except ObjectNotFound:
        return True  # deleted by hand
    return state is not None and (state.is_final() or state.is_cancelling())


@contextmanager
def _gpu(root: Path, count: int, stopped: Callable[[], bool]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Hold slots of the limit `gpu`, and one device of this machine when one is enough; give environment variables."""
    with ExitStack() as stack:
        if count == 0:
            yield ()
            return
        while True:
            if stopped():
                raise Stopped("stopped while waiting for a GPU")
            try:
                stack.enter_context(concurrency(GPU, occupy=count, timeout_seconds=_SLOT_WAIT_S, strict=True))
                break
            except TimeoutError:
                continue
        if count > 1:
            yield ()
            return
        devices = cuda_devices()
        number, _ = stack.enter_context(slot(root / LOCKS, GPU, max(1, len(devices)), stopped=stopped))
        yield (("CUDA_VISIBLE_DEVICES", devices[number]),) if devices else ()


def cuda_devices() -> list[str]:
    """Name the CUDA devices that torch finds here, as CUDA_VISIBLE_DEVICES does."""
    import os

    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
        return []  # without the two seconds that torch takes to say so
    code = "import torch; print(torch.cuda.device_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    count = int(done.stdout.strip() or 0) if done.returncode == 0 else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[:count] if visible else [str(number) for number in range(count)]


def ensure_gpu_limit(count: int) -> None:
    """Make the limit `gpu` with `count` slots where the server has none; one that a person has set stays."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(GPU)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another run was faster
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=GPU, limit=count))
