"""`emotag models`: the files of engines that may be fetched without a form."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from emotag.errors import InputError
from emotag.external.catalogue import available, choice, section
from emotag.external.fetch import FetchError, extract, fetch
from emotag.external.need import Engine, Need

ARCHIVES = Path("models") / ".archives"
"""Where archives stand while files are taken out of them."""


@dataclass(frozen=True)
class Outcome:
    """What became of one thing that an engine needs."""

    need: Need
    what: str  # one of the constants below
    note: str = ""  # one line for people


FETCHED, THERE, FAILED, BY_HAND = "fetched", "already there", "failed", "by hand"


def fetch_models(
    settings: Any,  # the settings tree
    names: Sequence[str] = (),
    console: Console | None = None,
    engines: Iterable[Engine] | None = None,
) -> list[Outcome]:
    """Fetch the files that the named engines lack and that have an address; with no name, those of every engine.

    A name is an engine's (`wav2vec2`), a task's (`audio`), or both (`audio.wav2vec2`). `chosen` stands for the engines
    that the settings choose. What wants a form, a package manager or a program's own set-up is told, not fetched.
    Raises InputError on an unknown name. Paths are relative to the folder this runs in, as in params.yaml.
    """
    chosen = choose_engines(available(settings) if engines is None else tuple(engines), names, settings)
    needs = _once(need for engine in chosen for need in engine.needs(section(settings, engine.task)))
    outcomes = [Outcome(need, THERE) for need in needs if need.found()]
    wanted = [need for need in needs if not need.found()]
    outcomes += [Outcome(need, BY_HAND, f"{need.what}: {need.source}") for need in wanted if not need.url]
    with _progress(console or Console(stderr=True)) as bars:
        for url in dict.fromkeys(need.url for need in wanted if need.url):
            outcomes += _fetch_all(url, [need for need in wanted if need.url == url], bars)
    return outcomes


def choose_engines(engines: tuple[Engine, ...], names: Sequence[str], settings: Any) -> tuple[Engine, ...]:
    """Give the engines that the names mean, in the catalogue's order. Raises InputError on a name that means none."""
    if not names:
        return engines
    found: list[Engine] = []
    for name in names:
        if name == "chosen":
            meant = [one for one in engines if choice(settings, one.task, engines) == one.name]
        else:
            meant = [one for one in engines if name in (one.name, one.task, f"{one.task}.{one.name}")]
        if not meant:
            known = ", ".join(dict.fromkeys(engine.name for engine in engines))
            raise InputError(f"no engine or task is called '{name}' (there are: {known}); see `emotag doctor`")
        found += meant
    return tuple(engine for engine in engines if engine in found)


def exit_code(outcomes: Iterable[Outcome], names: Sequence[str]) -> int:
    """2 when a file could not be fetched, or what was asked for by name cannot be fetched at all; else 0."""
    bad = {FAILED, BY_HAND} if names else {FAILED}
    return 2 if any(outcome.what in bad for outcome in outcomes) else 0


def tell(outcomes: Sequence[Outcome]) -> list[str]:
    """Give one line per outcome."""
    width = max((len(outcome.what) for outcome in outcomes), default=0)
    return [
        f"{outcome.what:{width}}  {outcome.need.name}" + (f"  {outcome.note}" if outcome.note else "")
        for outcome in outcomes
    ]


def _once(needs: Iterable[Need]) -> list[Need]:
    """Drop what several engines share."""
    return list({(need.kind, need.name): need for need in needs}.values())


def _fetch_all(url: str, needs: list[Need], bars: Progress) -> list[Outcome]:
    """Fetch one URL for the one file that it is, or for those that are in it."""
    inside = [need for need in needs if need.member is not None]
    outcomes = [
        _outcome(need, partial(_download, url, Path(need.name), need.sha256, bars))
        for need in needs
        if need.member is None
    ]
    return outcomes + (_unpack(url, inside, bars) if inside else [])


def _unpack(url: str, needs: list[Need], bars: Progress) -> list[Outcome]:
    """Fetch an archive, take files out of it, and drop it."""
    name = PurePosixPath(urlsplit(url).path).name or "archive.zip"
    archive = ARCHIVES / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}"
    try:
        _download(url, archive, None, bars)
    except FetchError as error:
        return [_failed(need, error) for need in needs]
    outcomes = [
        _outcome(need, partial(extract, archive, need.member or "", Path(need.name), need.sha256)) for need in needs
    ]
    archive.unlink()
    with suppress(OSError):  # parts of another archive stay
        ARCHIVES.rmdir()
    return outcomes


def _outcome(need: Need, act: Callable[[], None]) -> Outcome:
    try:
        act()
    except FetchError as error:
        return _failed(need, error)
    checked = "SHA-256 as expected" if need.sha256 else "SHA-256 not known, not checked"
    return Outcome(need, FETCHED, f"{Path(need.name).stat().st_size / 1e6:,.1f} MB, {checked}")


def _failed(need: Need, error: FetchError) -> Outcome:
    inside = f", take {need.member} out of it" if need.member else ""
    return Outcome(need, FAILED, f"not fetched: {error}; by hand: download {need.url}{inside} and put it there")


def _download(url: str, target: Path, digest: str | None, bars: Progress) -> None:
    task = bars.add_task(str(target), total=None)

    def watch(have: int, total: int | None) -> None:
        bars.update(task, completed=have, total=total)

    try:
        fetch(url, target, digest, watch)
    finally:
        bars.stop_task(task)


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, disable=not console.is_terminal)
