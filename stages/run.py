"""How a stage starts: arguments from its function's signature, one clear line and exit code 2 on bad input."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from emotag.errors import InputError


def run(stage: Callable[..., Any]) -> None:
    """Run a stage function as a command (`python -m stages.crop --clip NAME`)."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stage)
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
