"""`emotag serve`: Prefect's server, a work pool, the deployments and a worker on this machine, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from emotag.errors import InputError

POOL = "emotag"
PORT = 4200
HOME = Path(".emotag") / "prefect"
"""Prefect's database and settings of this project."""

_START_S = 120.0  # a busy machine takes long to start the server
_END_S = 15.0  # from asking a process to end to ending it
_LIVED_S = 10.0  # a worker that ends sooner does not work; one that ends later is replaced
_LOOK_S = 0.2


@dataclass
class Serving:
    """The processes, in the order in which they began."""

    root: Path
    port: int
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start a `prefect` command that stays; the worker's output is shown, the server's goes to a file."""
        with ExitStack() as stack:
            output = None if name == "worker" else stack.enter_context(self.log.open("wb"))
            self.processes[name] = subprocess.Popen(
                _prefect(*arguments), cwd=self.root, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=None if output is None else subprocess.STDOUT,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        """What the server prints."""
        return Path(self.environment["PREFECT_HOME"]) / "server.log"

    def call(self, *arguments: str) -> None:
        """Run a `prefect` command that ends. Raises InputError with its last line when it fails."""
        done = subprocess.run(
            _prefect(*arguments), cwd=self.root, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["no output"]
            raise InputError(f"prefect {' '.join(arguments)}: {lines[-1]}")

    def ended(self) -> str | None:
        """Give the name of a process that has ended by itself."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def stop(self) -> None:
        """End all, the last first: the worker ends its runs while the server still takes their last words."""
        for process in reversed(self.processes.values()):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_S)


def serve(root: Path, port: int = PORT, runs: int = 8, tell: Callable[[str], None] = print) -> int:
    """Serve the project at `root` until SIGINT or SIGTERM; give an exit code.

    `runs` flow runs at a time; others wait. Raises InputError when the folder is no project, the port is taken, or
    something does not start.
    """
    if not (root / "prefect.yaml").is_file():
        raise InputError(f"{root / 'prefect.yaml'}: not found; run this in the project's folder")
    if not _free(port):
        raise InputError(f"port {port} is taken; is `make serve` running already? Else give another one: --port")
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    serving = Serving(root, port, _environment(root, port))
    Path(serving.environment["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    try:
        tell("starting Prefect …")
        serving.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--log-level", "WARNING")
        if not _until(lambda: _healthy(port), lambda: bool(asked) or serving.ended() is not None):
            return _why(serving, asked)
        serving.call("work-pool", "create", POOL, "--type", "process", "--overwrite")
        serving.call("--no-prompt", "deploy", "--all")
        for line in _words(port):
            tell(line)
        while not asked and serving.ended() is None:
            began = time.monotonic()
            serving.start("worker", "worker", "start", "--pool", POOL, "--type", "process", "--limit", str(runs))
            while not asked and serving.ended() is None:
                time.sleep(_LOOK_S)
            if serving.ended() == "worker" and time.monotonic() - began > _LIVED_S:
                tell("the worker has ended; its runs have crashed, and go on where they were when run again")
                del serving.processes["worker"]
        return _why(serving, asked)
    finally:
        tell("stopping …")
        serving.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _why(serving: Serving, asked: list[int]) -> int:
    if asked:
        return 0
    name = serving.ended() or "server"
    where = "its output above says why" if name == "worker" else f"{serving.log} says why"
    raise InputError(f"Prefect's {name} did not start or has ended; {where}")


def _words(port: int) -> list[str]:
    address = f"http://127.0.0.1:{port}"
    export = [] if port == PORT else [f"  export PREFECT_API_URL={address}/api"]
    return [
        f"Prefect's pages: {address}",
        "In another terminal, in this folder (with .venv/bin on the PATH):",
        *export,
        '  prefect deployment run adapt-identity/local -p identity=NAME -p video=FILE -p consent="WHO AGREED" --watch',
        "Ctrl-C ends the server, the worker and all runs.",
    ]


def _environment(root: Path, port: int) -> dict[str, str]:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        "PREFECT_WORKER_CANCELLATION_POLL_SECONDS": "3",
        **os.environ,
        "PATH": tools,
        "PWD": str(root.resolve()),  # what prefect.yaml calls the project's folder
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str((root / HOME).resolve())),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _until(condition: Callable[[], bool], given_up: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False when it does not in time, or one gives up."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end and not given_up():
        if condition():
            return True
        time.sleep(_LOOK_S)
    return False
