"""What DVC knows of the project: which stages there are, what each needs and writes, and which are out of date."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import PipelineStage

from emotag.errors import InputError
from pipeline.parallel import heights, select, unfinished
from stages.settings import load_settings

CORPUS = "corpus"
"""The stage that reads folders but depends on a list."""

METRICS = "reports/metrics/"
"""Where evaluation leaves its numbers. (To DVC, metrics are their flat form, which `report` writes.)"""

_ATTEMPTS = 20
_PAUSE_S = 0.5


@dataclass(frozen=True)
class Planned:
    """One stage of the DAG."""

    name: str  # "crop@ada"
    needs: frozenset[str]  # stages whose outputs it reads
    outputs: tuple[str, ...]  # paths, relative to the project
    metrics: tuple[str, ...]  # those of the outputs that are metrics of tests
    height: int  # stages in the longest chain that waits for it
    on_device: bool  # it depends on the setting `device`


@dataclass(frozen=True)
class Plan:
    """The stages that bring targets up to date, in the order in which they can run."""

    stages: Mapping[str, Planned]
    todo: frozenset[str]  # out of date, or reading what is
    targets: tuple[str, ...]


def read_plan(root: Path, targets: Sequence[str] = ()) -> Plan:
    """Read the stages that the targets (all when there are none) need. `track` means every `track@…`.

    Raises InputError when DVC cannot read the project or knows no such target.
    """
    attempts = 0
    while True:
        try:
            return _read(root, targets)
        except (LockError, OSError) as error:  # another run is writing just there
            attempts += 1
            if attempts >= _ATTEMPTS:
                raise InputError(f"DVC: {error}") from None
            time.sleep(_PAUSE_S)
        except DvcException as error:
            raise InputError(f"DVC: {' '.join(str(error).split())}") from None


def _read(root: Path, targets: Sequence[str]) -> Plan:
    with Repo(str(root), _wait_for_lock=True) as repo:
        graph = repo.index.graph
        known = {stage.name: stage for stage in graph}
        needs = {name: frozenset(other.name for other in graph.successors(stage)) for name, stage in known.items()}
        chosen = _choose(needs, targets, root) if targets else needs
        with repo.lock:
            stale = [name for name in chosen if known[name].status(check_updates=True)]
        todo = unfinished(chosen, stale)
        height = heights(chosen)
        ordered = sorted(chosen, key=lambda name: -height[name])
        planned = {name: _planned(known[name], chosen[name], height[name]) for name in ordered}
        named = tuple(select({name: frozenset() for name in needs}, targets)) if targets else ()
        return Plan(planned, frozenset(todo), named)


def _choose(needs: Mapping[str, frozenset[str]], targets: Sequence[str], root: Path) -> dict[str, frozenset[str]]:
    """Keep the targets and what they need, without the clips of people whom the corpus does not hold.

    DVC sees that `corpus` reads whole folders, so to DVC one person's avatar needs every other person's clips. What it
    reads of them is only that they are there: its digests are those of the corpus.
    """
    settings = load_settings(root / "params.yaml")
    seen = {*settings.corpus, *settings.corpus_clips()}
    own = {other for other in needs.get(CORPUS, ()) if "@" not in other or other.split("@", 1)[1] in seen}
    chosen = select({**needs, **({CORPUS: frozenset(own)} if CORPUS in needs else {})}, targets)
    return {name: needs[name] & chosen.keys() for name in chosen}  # it still waits for what this run makes


def _planned(stage: PipelineStage, needs: frozenset[str], height: int) -> Planned:
    settings = [key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params]
    outputs = tuple(out.def_path for out in stage.outs)
    metrics = tuple(path for path in outputs if path.startswith(METRICS))
    return Planned(stage.name, needs, outputs, metrics, height, "device" in settings)
