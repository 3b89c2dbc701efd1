"""Which engines are ready, what the others lack, and what works in their place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotag.errors import InputError
from emotag.external.catalogue import choice, section
from emotag.external.need import Engine, Need
from emotag.files import sha256


@dataclass(frozen=True)
class State:
    """What is known of one need."""

    need: Need
    found: bool
    verified: bool | None = None  # whether the bytes are the known ones; None: not looked at, or not known

    @property
    def fine(self) -> bool:
        """Whether it is there and not known to be something else."""
        return self.found and self.verified is not False


@dataclass(frozen=True)
class Status:
    """What is known of one engine."""

    engine: Engine
    chosen: bool  # by the settings
    states: tuple[State, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return all(state.fine for state in self.states)

    @property
    def lacks(self) -> tuple[State, ...]:
        """What is missing or wrong, in order."""
        return tuple(state for state in self.states if not state.fine)


def survey(engines: Sequence[Engine], settings: Any, verify: bool = False) -> tuple[Status, ...]:
    """Look at every engine with the settings tree; `verify` also compares the digests of files that are there."""
    return tuple(
        Status(
            engine,
            choice(settings, engine.task, engines) == engine.name,
            tuple(_state(need, verify) for need in engine.needs(section(settings, engine.task))),
        )
        for engine in engines
    )


def not_ready(statuses: Iterable[Status]) -> tuple[Status, ...]:
    """Give the chosen engines that lack something."""
    return tuple(status for status in statuses if status.chosen and not status.ready)


def require_chosen(statuses: Sequence[Status]) -> None:
    """Raise InputError when a chosen engine lacks something: before anything runs, not in the middle."""
    if broken := not_ready(statuses):
        named = ", ".join(f"{status.engine.task}.engine {status.engine.name}" for status in broken)
        raise InputError(f"not ready: {named}; `emotag doctor` says what is missing and what works instead")


def instead(task: str, statuses: Iterable[Status]) -> str | None:
    """Name an engine of a task that works now: an open one if there is one, else the first; None when none does."""
    ready = [status.engine for status in statuses if status.engine.task == task and status.ready]
    return next((engine.name for engine in sorted(ready, key=lambda engine: not engine.open)), None)


def _state(need: Need, verify: bool) -> State:
    found = need.found()
    if not (verify and found and need.kind == "file" and need.sha256 and Path(need.name).is_file()):
        return State(need, found)
    return State(need, found, sha256(need.name) == need.sha256)
