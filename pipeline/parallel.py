"""`dvc repro` on several cores: every stage of the DAG runs as soon as those that it needs are done."""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from emotag.errors import InputError
from pipeline.dvc_stage import end_stage, start_stage

WIDE = ("pretrain", "adapt")
"""Long stages that use all cores by themselves: they wait until nothing else can run, and do not share the machine."""

Needs = Mapping[str, frozenset[str]]
"""Stage → the stages whose outputs it reads."""


def read_graph(root: Path) -> tuple[Needs, frozenset[str]]:
    """Read the DAG of the project at `root`: what each stage needs, and the stages that are out of date by themselves.

    A stage that only reads what another one will write anew is found out when that one is done. Raises InputError when
    DVC cannot read the project.
    """
    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            needs = {stage.name: frozenset(other.name for other in graph.successors(stage)) for stage in graph}
            stale = repo.status()  # by stage, as told from where this process stands
            return needs, frozenset(stage.name for stage in graph if stage.addressing in stale)
    except DvcException as error:
        raise InputError(f"DVC: {error}") from None


def select(needs: Needs, targets: Iterable[str]) -> dict[str, frozenset[str]]:
    """Keep the targets and all that they need. `track` means every `track@…`. Raises InputError on an unknown one."""
    wanted: list[str] = []
    for target in targets:
        named = [name for name in needs if name == target or name.startswith(f"{target}@")]
        if not named:
            raise InputError(f"dvc.yaml has no stage '{target}'; `dvc stage list` names them all")
        wanted += named
    kept: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept.add(name)
            wanted += needs[name]
    return {name: required for name, required in needs.items() if name in kept}


def unfinished(needs: Needs, stale: Iterable[str]) -> set[str]:
    """Give the stale stages and all that read, directly or not, what those write."""
    found = set(stale) & set(needs)
    while more := {name for name, required in needs.items() if name not in found and required & found}:
        found |= more
    return found


def heights(needs: Needs) -> dict[str, int]:
    """Give the length of the longest chain of stages that wait for each stage: long chains begin first."""
    height = dict.fromkeys(needs, 0)
    changed = True
    while changed:
        changed = False
        for name, required in needs.items():
            for other in required & height.keys():
                if height[other] <= height[name]:
                    height[other] = height[name] + 1
                    changed = True
    return height


def next_stages(ready: Sequence[str], running: int, jobs: int) -> list[str]:
    """Choose the stages to start now; one that is chosen when none runs has the machine to itself.

    A wide stage begins when there is no other work: beside others it would have one core, and go on so when they are
    done. Only when there are wide ones for every job, each takes a core.
    """
    wide = [name for name in ready if name.split("@")[0] in WIDE]
    others = [name for name in ready if name not in wide]
    if others or running:
        return others[: jobs - running]
    return wide[:jobs] if len(wide) >= jobs else wide[:1]


def reproduce(
    root: Path,
    jobs: int,
    targets: Sequence[str] = (),
    tell: Callable[[str], None] = print,
) -> int:
    """Bring the targets (all stages when there are none) up to date, `jobs` stages at a time; give an exit code.

    What runs beside others keeps to one thread and tells one line; a stage that runs by itself has the terminal and all
    cores. When a stage fails, those already running end, no other begins, its output is told and its code
    given. On an interrupt every stage ends at once. Raises InputError on an unknown target.
    """
    needs, stale = read_graph(root)
    needs = select(needs, targets) if targets else needs
    todo = unfinished(needs, stale)
    with tempfile.TemporaryDirectory(prefix="emotag-repro-") as logs:
        return _Run(root, {name: needs[name] & todo for name in needs if name in todo}, Path(logs), tell).finish(jobs)


class _Run:
    """What waits, runs and is done."""

    def __init__(self, root: Path, needs: Needs, logs: Path, tell: Callable[[str], None]) -> None:
        height = heights(needs)
        self._waiting = {name: set(needs[name]) for name in sorted(needs, key=lambda name: -height[name])}
        self._running: dict[BaseProcess, tuple[str, float, Path | None]] = {}  # stage, when it began, log
        self._root, self._logs, self._tell = root, logs, tell
        self._total, self._done = len(needs), 0

    def finish(self, jobs: int) -> int:
        code = 0
        try:
            while self._running or (self._waiting and not code):
                if not code:
                    self._start(jobs)
                by_sentinel = {process.sentinel: process for process in self._running}
                for sentinel in wait(list(by_sentinel)):
                    if isinstance(sentinel, int):
                        code = self._end(by_sentinel[sentinel]) or code
        finally:
            for process in self._running:
                end_stage(process)
        return code

    def _start(self, jobs: int) -> None:
        ready = next_stages([name for name, missing in self._waiting.items() if not missing], len(self._running), jobs)
        alone = len(ready) == 1 and not self._running
        for name in ready:
            log = None if alone else self._logs / f"{name.replace('/', '-')}.log"
            process = start_stage(name, self._root, log, None if alone else 1)
            self._running[process] = (name, time.monotonic(), log)
            del self._waiting[name]

    def _end(self, process: BaseProcess) -> int:
        name, began, log = self._running.pop(process)
        process.join()
        seconds = f"{time.monotonic() - began:.1f} s"
        if process.exitcode:
            if log is not None:
                with suppress(FileNotFoundError):
                    self._tell(log.read_text(encoding="utf-8", errors="replace").rstrip())
            self._tell(f"{name} failed after {seconds}")
            return process.exitcode if process.exitcode > 0 else 1
        self._done += 1
        self._tell(f"[{self._done}/{self._total}] {name}  {seconds}")
        for missing in self._waiting.values():
            missing.discard(name)
        return 0
