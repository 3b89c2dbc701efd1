"""One ablation in a bench: training and evaluation by DVC, saved as a DVC experiment, in processes that end together.

`python -m pipeline.ablation.experiment NAME STAGE… --metrics FILE…` is the keeper of `pipeline.flows.keeper` around
`dvc repro --single-item` of these stages alone, so that no other stage can run, and `dvc exp save`.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from pipeline.flows.console import LIVE, Output, Reading
from pipeline.flows.keeper import GRACE_S, keep

_KEPT_LINES = 40
_RUNNING = "Running stage '"
_NO_REASON = ("failed to reproduce", "warning:")  # DVC's last line says no more than which stage


class Experiment:
    """A running ablation."""

    def __init__(self, name: str, bench: Path, stages: Sequence[str], metrics: Sequence[str], threads: int | None,
                 log: Path) -> None:  # fmt: skip
        self.name, self.bench, self.stages = name, bench, tuple(stages)
        self.stage = "starting"
        self.reading: Reading | None = None
        self.began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._output = Output()
        environment = os.environ | LIVE
        if threads is not None:
            environment.setdefault("OMP_NUM_THREADS", str(threads))
        command = [sys.executable, "-m", __name__, experiment_name(name), *stages]
        command += [part for metric in metrics for part in ("--metrics", metric)]
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log: IO[str] = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            command, cwd=bench, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def fileno(self) -> int:
        """Give what `select` waits on."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def read(self) -> int | None:
        """Take what has come of its output; give the exit code when it has ended."""
        piece = os.read(self.fileno(), 1 << 16)
        for item in self._output.feed(piece):
            if isinstance(item, Reading):
                self.reading = item
                continue
            if item.startswith(_RUNNING):
                self.stage, self.reading = item.removeprefix(_RUNNING).split("'")[0], None
            self._lines.append(item)
            print(item, file=self._log, flush=True)
        if piece:
            return None
        code = self._process.wait()
        self.end()
        return code

    def end(self) -> None:
        """Close the keeper's life line, and wait until it has ended everything."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(2 * GRACE_S + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.began

    def last_words(self) -> str:
        """Give the line that says why it failed."""
        lines = [line.strip() for line in self._lines if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error:")]
        telling = [line for line in errors if not any(word in line.lower() for word in _NO_REASON)]
        found = (telling or [line for line in lines if "Error" in line] or errors or lines or ["no output"])[-1]
        return found.removeprefix("error:").removeprefix("ERROR:").strip()


def experiment_name(name: str) -> str:
    """Give the name under which `dvc exp` knows an ablation."""
    return f"ablation-{name}"


def _run(name: str, stages: Sequence[str], metrics: Sequence[str]) -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    from pipeline.dvc_stage import dvc_main

    code = dvc_main(["repro", "--single-item", *stages])
    if code:
        sys.exit(code)
    print("saving the experiment", flush=True)
    included = [part for metric in metrics for part in ("--include-untracked", metric)]
    sys.exit(dvc_main(["exp", "save", "--quiet", "--force", "--name", name, *included, *stages]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run one ablation in this bench; end it when standard input closes.")
    parser.add_argument("name")
    parser.add_argument("stages", nargs="+")
    parser.add_argument("--metrics", action="append", default=[])
    return parser.parse_args()


def main() -> None:
    """Run the experiment that the command line names, in the bench this runs in."""
    given = _arguments()
    code = keep(lambda: _run(given.name, given.stages, given.metrics), Path.cwd(), "pretrain", (), sys.stdin.fileno())
    raise SystemExit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
