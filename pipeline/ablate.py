"""`emotag ablate`: the full model, every ablation as a DVC experiment, and the table beside the paper's.

Only `pretrain`, `adapt` and `evaluate` run again, in copies of the project (`pipeline.ablation.bench`). What is current
is not run again; what fails is told in one line, and the others go on.
"""

import os
import select
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from emotag.errors import InputError
from emotag.progress import console
from pipeline.ablation import known, result
from pipeline.ablation.bench import Bench, read_lock, remove, require_git
from pipeline.ablation.experiment import Experiment
from pipeline.ablation.known import FULL, Ablation
from pipeline.flows.locks import LOCKS, Stopped, held
from pipeline.params import read_params
from stages.settings import load_settings

HOME = Path(".emotag") / "ablations"
"""Benches, logs and checkpoints."""

_LOOK_S = 0.2
_FAILED = 1


@dataclass(frozen=True)
class Planned:
    """An ablation to run, or to leave as it is."""

    name: str
    ablation: Ablation
    changes: Mapping[str, Any]
    key: str
    state: str  # "current", "missing" or "out of date"


@dataclass(frozen=True)
class Table:
    """What is asked for."""

    root: Path
    ablations: Mapping[str, Ablation]  # those that change something
    changes: Mapping[str, Mapping[str, Any]]
    tests: tuple[str, ...]
    stages: tuple[str, ...]  # that an ablation runs

    @property
    def targets(self) -> list[str]:
        """The full model's stages."""
        return [f"evaluate@{test}" for test in self.tests]


def ablate(
    root: Path,
    names: Sequence[str] = (),
    jobs: int = 1,
    tests: Sequence[str] = (),
    *,
    dry_run: bool = False,
    tell: Callable[[str], None] = print,
) -> int:
    """Run the named ablations (all when none is named) on the named tests (all); give an exit code.

    Raises InputError when the project has no git, or a name is unknown.
    """
    require_git(root)
    table = _table(root, names, tests, tell)
    if dry_run:
        return _dry_run(table, tell)
    with _alone(root):
        code = _full(table, jobs, tell)
        if code:
            return code
        plan = _plan(table)
        todo = [one for one in plan if one.state != "current"]
        failed = _run(table, todo, jobs, tell) if todo else []
        done = [one.name for one in plan if one.name not in failed]
        result.mark(root, _keys(root, table))
        _show(root, done)
        tell(f"{len(plan) - len(todo)} current, {len(todo) - len(failed)} run, {len(failed)} failed; {result.FOLDER}/")
        return _FAILED if failed else 0


def _table(root: Path, names: Sequence[str], tests: Sequence[str], tell: Callable[[str], None]) -> Table:
    settings = load_settings(root / "params.yaml")
    chosen = known.select(known.read_ablations(root), names)
    params = read_params(root / "params.yaml")
    ablations, changes = {}, {}
    for name, ablation in chosen.items():
        found = known.resolved(ablation, settings)
        if known.changed(params, found, root / known.FILE) == settings:
            tell(f"{name}: params.yaml is so already; left out")
            continue
        ablations[name], changes[name] = ablation, found
    used = tuple(tests) or tuple(settings.tests)
    if not used:
        raise InputError("params.yaml has no tests; register a person with `emotag add-identity`")
    people = dict.fromkeys(settings.test(test).identity for test in used)
    stages = ("pretrain", *(f"adapt@{name}" for name in people), *(f"evaluate@{test}" for test in used))
    return Table(root, ablations, changes, used, stages)


def _keys(root: Path, table: Table) -> dict[str, str]:
    """Give the keys that the results of all ablations have when they are current, on the table's tests."""
    every = _table(root, (), table.tests, lambda line: None)
    lock = read_lock(root)
    changes = {FULL: {}, **every.changes}
    return {name: result.key_of(lock, table.stages, changed) for name, changed in changes.items()}


def _plan(table: Table) -> list[Planned]:
    lock = read_lock(table.root)
    plan = []
    for name, ablation in table.ablations.items():
        key = result.key_of(lock, table.stages, table.changes[name])
        there = (table.root / result.FOLDER / f"{name}.json").is_file()
        state = "current" if result.is_current(table.root, name, key) else "out of date" if there else "missing"
        plan.append(Planned(name, ablation, table.changes[name], key, state))
    return plan


def _dry_run(table: Table, tell: Callable[[str], None]) -> int:
    from pipeline.flows.plan import read_plan

    todo = read_plan(table.root, table.targets).todo
    if todo:
        tell(f"full model: {len(todo)} stages run first (emotag repro {' '.join(table.targets)})")
        states = dict.fromkeys(table.ablations, "waits for the full model")
    else:
        tell("full model: current")
        states = {one.name: one.state for one in _plan(table)}
    for name, ablation in table.ablations.items():
        changes = ", ".join(f"{setting}: {value}" for setting, value in table.changes[name].items())
        tell(f"{name} ({ablation.title}): {states[name]}\n    {changes}; should move {ablation.moves}")
    tell(f"stages of each: {' '.join(table.stages)}")
    return 0


def _full(table: Table, jobs: int, tell: Callable[[str], None]) -> int:
    """Bring the project's own result up to date, and keep it as the row `full`."""
    from pipeline.parallel import reproduce

    code = reproduce(table.root, max(jobs, len(os.sched_getaffinity(0))), table.targets, tell)
    if code:
        return code
    key = result.key_of(read_lock(table.root), table.stages, {})
    entries = result.collect(table.root, table.root, FULL, table.tests)
    result.write_result(table.root, FULL, result.FULL_ABLATION, {}, key, entries, None)
    return 0


def _run(table: Table, todo: Sequence[Planned], jobs: int, tell: Callable[[str], None]) -> list[str]:
    """Run what is missing, `jobs` at a time; give the names of those that failed."""
    return _Run(table, todo, min(jobs, len(todo)), tell).finish()


class _Run:
    """What waits and what runs, a bench each."""

    def __init__(self, table: Table, todo: Sequence[Planned], jobs: int, tell: Callable[[str], None]) -> None:
        self._table, self._tell = table, tell
        self._home = table.root / HOME
        self._waiting = list(todo)
        self._total, self._done = len(todo), 0
        self._failed: list[str] = []
        cores = len(os.sched_getaffinity(0))
        self._threads = None if jobs == 1 else max(1, cores // jobs)
        cache = _cache(table.root)
        self._make = lambda number: Bench.make(table.root, self._home / f"bench-{number}", cache)
        self._free: list[int | Bench] = list(range(1, jobs + 1))  # a bench is made when it is first needed
        self._running: dict[Experiment, tuple[Planned, Bench, TaskID]] = {}

    def finish(self) -> list[str]:
        try:
            with _bars() as bars:
                whole = bars.add_task("ablations", total=self._total, note="")
                while self._waiting or self._running:
                    while self._waiting and self._free:
                        self._start(bars)
                    ready, _, _ = select.select(list(self._running), [], [], _LOOK_S)
                    for experiment in ready:
                        code = experiment.read()
                        self._draw(bars, experiment)
                        if code is not None:
                            self._end(bars, experiment, code)
                            bars.update(whole, completed=self._done)
        finally:
            for experiment in self._running:
                experiment.end()
            for bench in self._home.glob("bench-*"):
                remove(bench)
        return self._failed

    def _start(self, bars: Progress) -> None:
        planned, place = self._waiting.pop(0), self._free.pop(0)
        bench = self._make(place) if isinstance(place, int) else place
        state = self._home / planned.name
        bench.prepare(planned.changes, state / "checkpoints")
        metrics = [f"reports/metrics/{test}.json" for test in self._table.tests]
        experiment = Experiment(
            planned.name, bench.folder, self._table.stages, metrics, self._threads, state / "log.txt"
        )
        self._running[experiment] = (planned, bench, bars.add_task(planned.name, total=None, note="starting"))

    def _draw(self, bars: Progress, experiment: Experiment) -> None:
        reading, task = experiment.reading, self._running[experiment][2]
        if reading is None:
            bars.update(task, total=None, note=experiment.stage)
        else:
            bars.update(task, total=reading.total, completed=reading.done, note=f"{experiment.stage}  {reading.note}")

    def _end(self, bars: Progress, experiment: Experiment, code: int) -> None:
        planned, bench, task = self._running.pop(experiment)
        self._free.append(bench)
        bars.remove_task(task)
        self._done += 1
        log = self._home / planned.name / "log.txt"
        try:
            if code:
                raise InputError(f"{experiment.last_words()} ({log} has its output)")
            self._keep(planned, bench, experiment)
        except InputError as error:
            self._failed.append(planned.name)
            self._tell(f"[{self._done}/{self._total}] {planned.name} failed: {error}")
        else:
            self._tell(f"[{self._done}/{self._total}] {planned.name}  {experiment.seconds:.0f} s")

    def _keep(self, planned: Planned, bench: Bench, experiment: Experiment) -> None:
        root = self._table.root
        entries = result.collect(bench.folder, root, planned.name, self._table.tests)
        bench.hand_over(result.experiment_name(planned.name))
        result.write_result(
            root, planned.name, planned.ablation, planned.changes, planned.key, entries, experiment.seconds
        )
        shutil.rmtree(self._home / planned.name, ignore_errors=True)


def _bars() -> Progress:
    columns = (
        TextColumn("[bold]{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total}"),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    return Progress(*columns, console=console)


def _cache(root: Path) -> Path:
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        return Path(repo.cache.local_cache_dir)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    asked = False

    def stop() -> bool:  # asked once, after the first try
        nonlocal asked
        before, asked = asked, True
        return before

    try:
        with held(root / LOCKS / "ablate", stopped=stop):
            yield
    except Stopped:
        raise InputError("another `emotag ablate` is running in this project; wait for it or end it") from None


def _show(root: Path, names: Sequence[str]) -> None:
    from pipeline.ablation.show import show

    show([result.compare(root, name) for name in (FULL, *names)])
