"""`emotag adapt` and `emotag speak`: what the flows do, without a server."""

from collections.abc import Callable
from pathlib import Path

from pipeline.flows.local import update_here
from pipeline.flows.locks import LOCKS, held
from pipeline.flows.people import register_identity, register_sound
from pipeline.flows.runners import how_many
from pipeline.flows.schedule import Summary
from pipeline.params import check_name


def adapt_here(
    root: Path,
    name: str,
    video: Path | None,
    consent: str | None,
    adapt_seconds: float,
    test_seconds: float | None,
    jobs: int,
    tell: Callable[[str], None] = print,
) -> int:
    """Make a person's avatar; give an exit code. Raises InputError on bad input."""
    check_name(name)
    with held(root / LOCKS / f"identity-{name}", waiting=lambda: tell(f"waiting: another run is making {name}")):
        targets = register_identity(root, name, video, consent, adapt_seconds, test_seconds)
        return _end(update_here(root, targets, how_many(jobs)), f"models/avatars/{name}", tell)


def speak_here(
    root: Path, name: str, audio: Path, sound: str | None, jobs: int, tell: Callable[[str], None] = print
) -> int:
    """Make a video of an avatar that speaks new audio; give an exit code. Raises InputError on bad input."""
    targets = register_sound(root, name, audio, sound)
    video = f"reports/videos/{name}/{targets[0].removeprefix('speak@')}.mp4"
    return _end(update_here(root, targets, how_many(jobs)), video, tell)


def _end(summary: Summary, result: str, tell: Callable[[str], None]) -> int:
    tell(summary.line)
    if not summary.failed:
        tell(result)
    return 1 if summary.failed else 0
