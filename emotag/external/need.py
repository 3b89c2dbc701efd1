"""What an engine needs that this project cannot carry: weights, packages, programs, and whether they are there."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from emotag.errors import InputError

Kind = Literal["file", "package", "program"]


@dataclass(frozen=True)
class Need:
    """One thing that an engine cannot work without."""

    kind: Kind
    name: str  # a file relative to the project, an importable package, or an executable (name on PATH, or a path)
    what: str  # one line for people
    licence: str
    source: str  # where it comes from and how to get it, one line
    megabytes: float | None = None
    url: str | None = None  # set where it may be fetched without a form
    sha256: str | None = None  # of the file, where it is known
    member: str | None = None  # its path inside the .zip at `url`; None: `url` is the file itself

    def found(self) -> bool:
        """Say whether it is there (not whether it works)."""
        if self.kind == "file":
            return Path(self.name).exists()
        if self.kind == "package":
            return _importable(self.name)
        return shutil.which(self.name) is not None


@dataclass(frozen=True)
class Engine:
    """One way to do a task, chosen by `name` in params.yaml."""

    task: str  # section of params.yaml: crop, track, action_units, …
    name: str  # value of `engine` there
    title: str  # name and version, for people
    needs: Callable[[Any], tuple[Need, ...]]  # of the task's settings
    paper: bool = False  # the paper names it
    open: bool = False  # works from a bare install
    cite: str = ""  # publication or project page


def missing(engine: Engine, settings: Any) -> tuple[Need, ...]:
    """Give what an engine lacks, in order."""
    return tuple(need for need in engine.needs(settings) if not need.found())


def require(engine: Engine, settings: Any, instead: str) -> None:
    """Raise InputError naming the first thing that is missing, where it goes, and the engine that works today."""
    for need in missing(engine, settings):
        where = {"file": "put it at", "package": "install", "program": "install or name the path of"}[need.kind]
        raise InputError(
            f"{engine.task}.engine '{engine.name}' lacks {need.what}: {where} {need.name} ({need.source}; licence "
            f"{need.licence}), or set {engine.task}.engine to '{instead}', which works now"
        )


def _importable(name: str) -> bool:
    """Say whether a package (or `package.module`) is installed, without importing any of it."""
    folders: list[str] | None = None
    parts = name.split(".")
    for depth, part in enumerate(parts):
        if depth == 0:
            spec = importlib.util.find_spec(part)
        else:
            spec = PathFinder.find_spec(".".join(parts[: depth + 1]), folders)
        if spec is None:
            return False
        folders = list(spec.submodule_search_locations or [])
    return True
