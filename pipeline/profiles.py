"""Profiles: sets of settings laid over params.yaml by name."""

from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from emotag.errors import InputError
from pipeline.overlay import lay_over
from pipeline.params import read_params, write_params
from stages.settings import PipelineSettings, load_settings, parse_settings

BASE = "demo"
"""The profile that params.yaml starts with."""


def apply_profile(root: Path, name: str) -> None:
    """Lay profiles/<name>.yaml over params.yaml, comments kept (see `lay_over`).

    Raises InputError when there is none, or the result is not valid.
    """
    params, _ = _overlaid(root, name)
    write_params(root / "params.yaml", params)


def with_profile(root: Path, name: str | None) -> PipelineSettings:
    """Give the settings as they would be with a profile (None: as they are); writes nothing. Raises as above."""
    return load_settings(root / "params.yaml") if name is None else _overlaid(root, name)[1]


def _overlaid(root: Path, name: str) -> tuple[CommentedMap, PipelineSettings]:
    paths = {path.stem: path for path in sorted((root / "profiles").glob("*.yaml"))}
    if name not in paths:
        raise InputError(f"there is no profile '{name}' (there are: {', '.join(paths)})")
    params = read_params(root / "params.yaml")
    profiles = {stem: read_params(path) for stem, path in paths.items()}
    lay_over(params, profiles[name], profiles.get(BASE, CommentedMap()), profiles.values())
    return params, parse_settings(params, paths[name])
