"""Profiles: sets of settings laid over params.yaml by name."""

from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from emotag.errors import InputError
from pipeline.params import overlay, read_params, write_params
from stages.settings import PipelineSettings, load_settings, parse_settings


def apply_profile(root: Path, name: str) -> None:
    """Lay profiles/<name>.yaml over params.yaml. Raises InputError when there is none, or the result is not valid."""
    params, _ = _overlaid(root, name)
    write_params(root / "params.yaml", params)


def with_profile(root: Path, name: str | None) -> PipelineSettings:
    """Give the settings as they would be with a profile (None: as they are); writes nothing. Raises as above."""
    return load_settings(root / "params.yaml") if name is None else _overlaid(root, name)[1]


def _overlaid(root: Path, name: str) -> tuple[CommentedMap, PipelineSettings]:
    path = root / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in (root / "profiles").glob("*.yaml")))
        raise InputError(f"there is no profile '{name}' (there are: {known})")
    params = read_params(root / "params.yaml")
    overlay(params, read_params(path))
    return params, parse_settings(params, path)
