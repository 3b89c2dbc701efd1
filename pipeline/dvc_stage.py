"""One stage by DVC in a process of its own, forked from one that has imported DVC already.

A `dvc` command takes most of a second to start, as long as many a stage's work. multiprocessing's fork server imports
this module once and forks a fresh process for every stage; what runs there is DVC's own command line.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# Not used here, but by every `dvc repro`: imported once, in the fork server.
import dvc.cachemgr
import dvc.cli.parser
import dvc.commands.repro
import dvc.data_cloud
import dvc.dvcfile
import dvc.lock
import dvc.repo.reproduce
import dvc.rwlock
import dvc.scm
import dvc.stage.cache
import yaml
from dvc.cli import main as dvc_main

from emotag.files import atomic

# DVC looks six times in this span (seconds) whether its lock is free: stages of two seconds do not wait half of one.
dvc.lock.DEFAULT_TIMEOUT = 0.12

_modify_yaml = dvc.dvcfile.modify_yaml


@contextmanager
def _modify(path: str, fs: Any = None) -> Iterator[Any]:
    """Change dvc.lock with libyaml, other files as DVC does.

    DVC reads and writes the lock file so that comments survive, in pure Python: 1.6 s for 150 stages, after every
    stage. DVC writes no comment into it but its schema's version, which is a value.
    """
    if Path(path).name != dvc.dvcfile.LOCK_FILE:
        with _modify_yaml(path, fs=fs) as content:
            yield content
        return
    file = Path(path)
    content = yaml.load(file.read_bytes(), Loader=_LOADER) if file.is_file() else {}
    yield content
    with atomic(file) as partial:
        text = yaml.dump(_plain(content), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
        partial.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Give ordered and other special mappings as dicts."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where PyYAML has them."""

dvc.dvcfile.modify_yaml = _modify

_PATIENCE_S = 5.0  # from asking a stage to end to ending it


def start_stage(name: str, root: Path, log: Path | None, threads: int | None) -> BaseProcess:
    """Start `dvc repro --single-item NAME` in the project at `root`; the process's exit code is DVC's.

    Its output goes to the file `log`, or to the terminal (None). `threads` limits numerical libraries where the user
    has not set OMP_NUM_THREADS. DVC's own locks let several stages run at a time.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "pipeline.cli"])
    process = context.Process(target=_reproduce, args=(name, root, log, threads, dict(os.environ)), daemon=False)
    process.start()
    return process


def end_stage(process: BaseProcess) -> None:
    """End a stage with everything that it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.is_alive() and process.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            process.join(_PATIENCE_S)


def _reproduce(name: str, root: Path, log: Path | None, threads: int | None, environment: dict[str, str]) -> None:
    os.setpgid(0, 0)  # a group of its own, to be ended as a whole
    os.environ.clear()  # the server keeps the environment of its first client
    os.environ.update(environment)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    if threads is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.chdir(root)
    if log is not None:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    sys.exit(dvc_main(["--wait-for-lock", "repro", "--single-item", name]))
