"""The ablations of a project: ablations.yaml, checked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from emotag.errors import InputError
from emotag.metrics.catalogue import BY_KEY
from emotag.report.paper import TABLE_5
from emotag.settings import Settings
from pipeline.params import overlay
from stages.settings import NAME, PipelineSettings, parse_settings

FILE = "ablations.yaml"
FULL = "full"
"""What is not ablated: the project's own result. No ablation can have this name."""

SECTIONS = ("motion", "splats", "pretrain", "adapt")
"""What an ablation may change: what no stage before `pretrain` reads."""

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


class Ablation(Settings):
    """One row of the table."""

    title: str = Field(min_length=1)
    """What tables call it."""
    description: str = Field(min_length=1)
    """What is different."""
    paper: str | None = None
    """The row of the paper's Table 5 that it stands for."""
    moves: str
    """The metric that it should make worse."""
    changes: dict[str, Any] = Field(min_length=1)
    """Setting by its dotted name → value; `${setting}` is that setting's value in params.yaml."""


def read_ablations(root: Path) -> dict[str, Ablation]:
    """Read the project's ablations, in the file's order. Raises InputError with the first thing that is wrong."""
    path = root / FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        ablations = TypeAdapter(dict[str, Ablation]).validate_python(content or {})
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `emotag ablate` in the project's folder") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for name, ablation in ablations.items():
        _check(path, name, ablation)
    return ablations


def select(ablations: Mapping[str, Ablation], names: Sequence[str]) -> dict[str, Ablation]:
    """Keep the named ablations (all when none is named). Raises InputError on an unknown name."""
    for name in names:
        if name not in ablations:
            raise InputError(f"{FILE} has no ablation '{name}' (there are: {', '.join(ablations)})")
    return {name: ablation for name, ablation in ablations.items() if not names or name in names}


def resolved(ablation: Ablation, settings: PipelineSettings) -> dict[str, Any]:
    """Give the changes with every `${setting}` replaced by its value. Raises InputError where there is no such one."""
    return {name: _value(value, settings) for name, value in ablation.changes.items()}


def changed(params: Mapping[str, Any], changes: Mapping[str, Any], path: Path) -> PipelineSettings:
    """Give the settings with the changes laid over. Raises InputError when the result is not valid."""
    content: dict[str, Any] = _plain(params)
    lay(content, changes)
    return parse_settings(content, path)


def lay(params: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Lay changes by dotted names over the content of params.yaml, in place."""
    for name, value in changes.items():
        *sections, last = name.split(".")
        nested: Any = {last: value}
        for section in reversed(sections):
            nested = {section: nested}
        overlay(params, nested)  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _value(value: Any, settings: PipelineSettings) -> Any:
    named = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if named is None:
        return value
    found: Any = settings
    for part in named[1].split("."):
        if not isinstance(found, Settings) or part not in type(found).model_fields:
            raise InputError(f"{FILE}: {value}: there is no setting '{named[1]}'")
        found = getattr(found, part)
    return found.model_dump(mode="json") if isinstance(found, Settings) else found


def _check(path: Path, name: str, ablation: Ablation) -> None:
    if not NAME.fullmatch(name) or name == FULL:
        raise InputError(
            f"{path}: '{name}' cannot name an ablation: lower-case letters, digits and dashes, not '{FULL}'"
        )
    for setting in ablation.changes:
        if setting.split(".")[0] not in SECTIONS or "." not in setting:
            raise InputError(
                f"{path}: {name}: '{setting}' is not below {', '.join(SECTIONS)}: perception would run again"
            )
    if ablation.moves not in BY_KEY or BY_KEY[ablation.moves].higher_is_better is None:
        raise InputError(f"{path}: {name}: moves: '{ablation.moves}' is no metric that has a better direction")
    if ablation.paper is not None and ablation.paper not in [row.method for row in TABLE_5]:
        raise InputError(f"{path}: {name}: paper: Table 5 has no row '{ablation.paper}'")
