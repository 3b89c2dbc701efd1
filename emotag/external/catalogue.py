"""Every engine of every task, collected from the modules that describe them."""

import importlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from typing import Any

from emotag.external.need import Engine

MODULES = (
    "emotag.head.engines",
    "emotag.perception.detection.engines",
    "emotag.perception.tracking.engines",
    "emotag.perception.action_units.engines",
    "emotag.perception.emotion.engines",
    "emotag.perception.identity.engines",
    "emotag.perception.audio.engines",
    "emotag.perception.geometry.engines",
    "emotag.metrics.engines",
)
"""Light modules that hold `ENGINES: tuple[Engine, ...]`, in the order of the DAG."""


@cache
def all_engines() -> tuple[Engine, ...]:
    """Give every engine, in the order of the DAG and, within a task, of its module."""
    there = [name for name in MODULES if importlib.util.find_spec(name)]
    return tuple(engine for name in there for engine in importlib.import_module(name).ENGINES)


def tasks(engines: Iterable[Engine]) -> tuple[str, ...]:
    """Name the tasks that these engines are for, in order, each once."""
    return tuple(dict.fromkeys(engine.task for engine in engines))


def section(settings: Any, task: str) -> Any:
    """Give the settings of a task (`crop`; `metrics.sync` for a section inside another) out of the whole tree."""
    for name in task.split("."):
        settings = getattr(settings, name)
    return settings


def is_chosen(engine: Engine, settings: Any) -> bool:
    """Say whether the settings tree chooses this engine for its task."""
    return bool(section(settings, engine.task).engine == engine.name)
