"""Edits of params.yaml that keep its comments and its order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from emotag.errors import InputError
from emotag.files import atomic
from stages.settings import NAME


def check_name(name: str) -> str:
    """Give the name back. Raises InputError when it cannot be one."""
    if not NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a name: use lower-case letters, digits and dashes (at most 63)")
    return name


def read_params(path: Path) -> CommentedMap:
    """Read params.yaml for editing. Raises InputError when it is missing or not YAML."""
    try:
        return _yaml().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `emotag` in the project's folder") from None
    except YAMLError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML ({reason})") from None


def write_params(path: Path, params: CommentedMap) -> None:
    """Write params.yaml back, atomically."""
    with atomic(path) as partial, partial.open("w", encoding="utf-8") as file:
        _yaml().dump(params, file)


def put(params: CommentedMap, section: str, name: str, entry: Mapping[str, Any]) -> None:
    """Add (or replace) one named entry of a section, in the short one-line form."""
    if not isinstance(params.get(section), CommentedMap) or not params[section]:
        params[section] = CommentedMap()
    line = CommentedMap(entry)
    line.fa.set_flow_style()
    params[section][name] = line


def append(params: CommentedMap, section: str, name: str) -> None:
    """Add a name to a list, once."""
    names = list(params.get(section) or [])
    if name not in names:
        params[section] = [*names, name]


def overlay(params: CommentedMap, changes: Mapping[str, Any]) -> None:
    """Lay a profile over the parameters, key by key, keeping everything that it does not name."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(params.get(key), Mapping):
            overlay(params[key], value)
        else:
            params[key] = value


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml
