"""Every engine of every task, collected from the modules that describe them."""

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from emotag.external.need import Engine, missing

MODULES = (
    "emotag.head.engines",
    "emotag.perception.detection.engines",
    "emotag.perception.tracking.engines",
    "emotag.perception.action_units.engines",
    "emotag.perception.emotion.engines",
    "emotag.perception.identity.engines",
    "emotag.perception.audio.engines",
    "emotag.perception.geometry.engines",
    "emotag.sync.engines",
    "emotag.metrics.engines",
)
"""Light modules that hold `ENGINES: tuple[Engine, ...]`, in the order of the DAG."""

AUTO = "auto"
"""The choice that takes the first engine of a task that lacks nothing."""


@cache
def described() -> tuple[Engine, ...]:
    """Give every engine that some module describes, in the order of the DAG and, within a task, of its module."""
    return tuple(engine for name in MODULES for engine in importlib.import_module(name).ENGINES)


def available(settings: BaseModel) -> tuple[Engine, ...]:
    """Give every engine that the settings tree has a name for: what params.yaml can choose."""
    return tuple(engine for engine in described() if engine.name in names(settings, engine.task))


def tasks(engines: Iterable[Engine]) -> tuple[str, ...]:
    """Name the tasks that these engines are for, in order, each once."""
    return tuple(dict.fromkeys(engine.task for engine in engines))


def section(settings: Any, task: str) -> Any:
    """Give the settings of a task (`crop`; `metrics.sync` for a section inside another) out of the whole tree."""
    for name in task.split("."):
        settings = getattr(settings, name)
    return settings


def names(settings: BaseModel, task: str) -> tuple[str, ...]:
    """Give the names that a task's `engine` can be set to; none when the tree has no such choice."""
    try:
        field = type(section(settings, task)).model_fields["engine"]
    except (AttributeError, KeyError):
        return ()
    return get_args(field.annotation)


def choice(settings: Any, task: str, engines: Iterable[Engine]) -> str:
    """Name the engine that the settings choose for a task; what `auto` comes to where that is the choice."""
    own = section(settings, task)
    if own.engine != AUTO:
        return str(own.engine)
    return next((one.name for one in engines if one.task == task and not missing(one, own)), AUTO)
