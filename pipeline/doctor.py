"""`emotag doctor`: every engine of every task, what it lacks, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from emotag.errors import InputError
from emotag.external.catalogue import available
from emotag.external.survey import Status, not_ready, survey
from pipeline.profiles import with_profile


def examine(root: Path, profile: str | None = None, verify: bool = False) -> tuple[Status, ...]:
    """Look at every engine with params.yaml, or with a profile laid over it; nothing is written.

    Raises InputError when the settings are not valid, or when this is not run in the project's folder.
    """
    if root.resolve() != Path.cwd():
        raise InputError(f"{root}: paths of engines are relative to the project's folder; run `emotag doctor` there")
    settings = with_profile(root, profile)
    return survey(available(settings), settings, verify)


def exit_code(statuses: Sequence[Status]) -> int:
    """1 when a chosen engine is not ready, else 0."""
    return 1 if not_ready(statuses) else 0
