"""The table of engines: what is ready, what is missing, and what to do about it."""

import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from emotag.external.need import Need
from emotag.external.survey import State, Status, instead, not_ready

_PUT = {"file": "put it at", "package": "pip install", "program": "put on PATH, or name the path of,"}
_ENDLESS = 10_000  # columns


def report(statuses: Sequence[Status], file: TextIO | None = None, profile: str | None = None) -> None:
    """Print the table and, for each chosen engine that is not ready, what to do; to stdout when no file is given.

    `profile` names the one that was laid over the settings.

    In a terminal the text is folded to its width; elsewhere each line is as long as it must be, so that paths stay
    whole for other programs.
    """
    file = file or sys.stdout
    console = Console(file=file, highlight=False)
    if console.is_terminal:
        console.print(table(statuses))
    else:
        print(_plain(table(statuses, plain=True)), file=file)
    print("", *advice(statuses, profile), sep="\n", file=file)


def table(statuses: Sequence[Status], plain: bool = False) -> Table:
    """Give the table: a row an engine, in the order of the DAG."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0)) if plain else Table()
    for heading in ("Task", "Engine", "Chosen", "State"):
        drawn.add_column(heading, no_wrap=True)
    drawn.add_column("What it needs, where that goes; licence, size, how to get it", overflow="fold")
    for status, following in zip(statuses, [*statuses[1:], None]):
        engine = status.engine
        last = following is None or following.engine.task != engine.task
        chosen = Text("chosen" if status.chosen else "", "bold")
        drawn.add_row(engine.task, engine.name, chosen, _state(status), _needs(status), end_section=last)
    return drawn


def advice(statuses: Sequence[Status], profile: str | None = None) -> list[str]:
    """Give a line for each chosen engine that lacks something, and one that sums up."""
    broken = not_ready(statuses)
    lines = []
    for status in broken:
        task, name = status.engine.task, status.engine.name
        other = instead(task, statuses)
        works = f"; set {task}.engine to {other}, which works now" if other else ""
        lines.append(f"{task}: {name} lacks {', '.join(state.need.what for state in status.lacks)}{works}")
    chosen = sum(status.chosen for status in statuses)
    if any(state.need.url and not state.found for status in broken for state in status.lacks):
        lines.append(f"`emotag models chosen{f' --profile {profile}' if profile else ''}` fetches what has an address")
    lines.append(f"{chosen - len(broken)} of {chosen} chosen engines are ready")
    return lines


def _plain(drawn: Table) -> str:
    """Give a table as text, each line as long as it must be."""
    console = Console(width=_ENDLESS, color_system=None)
    console.width = Measurement.get(console, console.options, drawn).maximum
    with console.capture() as captured:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _state(status: Status) -> Text:
    if status.ready:
        return Text("ready", "green")
    wrong = sum(state.found for state in status.lacks)
    missing = len(status.lacks) - wrong
    told = [f"{missing} missing"] * bool(missing) + [f"{wrong} wrong"] * bool(wrong)
    return Text(", ".join(told), "red" if status.chosen else "yellow")


def _needs(status: Status) -> Text:
    """Give two lines a need that is missing, one that is there, under the engine's title."""
    lines = Text()
    lines.append(status.engine.title, "bold")
    lines.append(", the paper's" if status.engine.paper else "")
    for state in status.states:
        lines.append("\n")
        lines.append(_mark(state), "green" if state.fine else "red")
        lines.append(f" {state.need.what}: {_where(state)}")
        if not state.fine:
            lines.append(f"\n  {_how(state.need)}", "dim")
    if not status.states:
        lines.append("\n+ needs nothing more", "green")
    return lines


def _mark(state: State) -> str:
    return "+" if state.fine else "-"


def _where(state: State) -> str:
    name = state.need.name
    if not state.found:
        return f"{_PUT[state.need.kind]} {name}"
    if state.verified is None:
        return name
    return f"{name} (SHA-256 as expected)" if state.verified else f"{name} has other bytes than expected: delete it"


def _how(need: Need) -> str:
    parts = [need.source, f"licence {need.licence}"]
    if need.megabytes is not None:
        parts.append(f"{need.megabytes:,.0f} MB" if need.megabytes >= 1 else "under 1 MB")
    if need.url:
        parts.append("`emotag models` fetches it")
    return "; ".join(parts)
