"""Profiles: sets of settings laid over params.yaml by name."""

from pathlib import Path

from emotag.errors import InputError
from pipeline.params import overlay, read_params, write_params
from stages.settings import parse_settings


def apply_profile(root: Path, name: str) -> None:
    """Lay profiles/<name>.yaml over params.yaml. Raises InputError when there is none, or the result is not valid."""
    path = root / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in (root / "profiles").glob("*.yaml")))
        raise InputError(f"there is no profile '{name}' (there are: {known})")
    params = read_params(root / "params.yaml")
    overlay(params, read_params(path))
    parse_settings(params, root / "params.yaml")
    write_params(root / "params.yaml", params)
