"""Where a flow's stages run: threads of the flow's own process, a Dask cluster, or Ray."""

import os
from typing import Any, Literal

from emotag.errors import InputError

Runner = Literal["threads", "dask", "ray"]
"""By name, as the flows' parameter takes it."""


def make_runner(name: Runner, jobs: int, cluster: str | None) -> Any:  # a prefect TaskRunner
    """Give a task runner for `jobs` stages at a time.

    `cluster` is the address of a Dask scheduler (`tcp://host:8786`) or of Ray (`ray://host:10001`, `auto`); without
    one a local cluster of `jobs` workers is started for the run. Raises InputError when the extra is not installed.
    """
    if name == "threads":
        from prefect.task_runners import ThreadPoolTaskRunner

        if cluster is not None:
            raise InputError(f"cluster '{cluster}' is for the runners dask and ray; the runner is threads")
        return ThreadPoolTaskRunner(max_workers=jobs)
    if name == "dask":
        try:
            from prefect_dask import DaskTaskRunner
        except ImportError:
            raise _lacks("dask") from None
        if cluster is not None:
            return DaskTaskRunner(address=cluster)
        return DaskTaskRunner(cluster_kwargs={"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None})
    try:
        from prefect_ray import RayTaskRunner
    except ImportError:
        raise _lacks("ray") from None
    if cluster is not None:
        return RayTaskRunner(address=cluster)
    return RayTaskRunner(init_kwargs={"num_cpus": jobs, "include_dashboard": False})


def how_many(jobs: int) -> int:
    """Give the number of stages at a time: what was asked, or (0) as many as cores."""
    return jobs or len(os.sched_getaffinity(0))


def _lacks(extra: str) -> InputError:
    return InputError(f"the runner {extra} is not installed: pip install 'emotag[{extra}]'; `threads` needs nothing")
