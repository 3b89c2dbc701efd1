"""How a stage starts: arguments from its function's signature, one clear line and exit code 2 on bad input."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer

from emotag.errors import InputError

_ENDED = 128 + signal.SIGTERM


def run(stage: Callable[..., Any], *, threads: int | None = None) -> None:
    """Run a stage function as a command (`python -m stages.crop --clip NAME`).

    `threads` is for torch, where the user has not set OMP_NUM_THREADS. Perception takes 1: its matrices are small, and
    the last digits of its results then do not depend on the number of cores.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))  # so that unfinished files are removed on the way out
    if threads is not None and "torch" in sys.modules and "OMP_NUM_THREADS" not in os.environ:
        sys.modules["torch"].set_num_threads(threads)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stage)
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
