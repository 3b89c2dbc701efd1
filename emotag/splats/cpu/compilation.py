"""How the kernels are compiled, where the compiled code is kept, and on how many threads they run."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import numba
import numpy as np
import torch
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., object])

FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Everything but `nnan` and `ninf`: comparisons with NaN must stay false, so that a NaN splat is not drawn."""

_one_caller = threading.Lock()


@cache
def cache_folder() -> Path | None:
    """Folder for the compiled kernels, named after their sources; None when no place can be written.

    Tried in order: $NUMBA_CACHE_DIR, `__pycache__` beside the sources (a clone, a virtual environment), the user's
    cache. Numba itself looks only at the file of the function that it loads; a kernel also holds the functions and
    constants that it took from its sibling files, so the digest here covers all of them.
    """
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), here.parent / "spherical_harmonics.py"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    places = [here / "__pycache__", user_cache / "emotag"]
    if config.CACHE_DIR:
        places.insert(0, Path(config.CACHE_DIR))
    return next((folder for place in places if _writable(folder := place / f"kernels-{digest}")), None)


def kernel(parallel: bool = False) -> Callable[[Function], Function]:
    """Compile a function on its first call, or load it from the cache; `parallel` spreads its `prange` over threads."""

    def compile_lazily(function: Function) -> Function:
        folder = cache_folder()
        options = {"parallel": parallel, "fastmath": FASTMATH, "error_model": "numpy"}
        if folder is None:
            return numba.njit(cache=False, **options)(function)
        previous = config.CACHE_DIR
        config.CACHE_DIR = str(folder)  # read once, by the decorator
        try:
            return numba.njit(cache=True, **options)(function)
        finally:
            config.CACHE_DIR = previous

    return compile_lazily


@contextmanager
def worker_threads() -> Iterator[int]:
    """Give the kernels as many threads as torch has, one caller at a time; yields that number.

    Not every threading layer of numba bears two callers at once: its `workqueue` ends the process.
    """
    with _one_caller, _thread_count(min(torch.get_num_threads(), config.NUMBA_NUM_THREADS)) as count:
        yield count


@contextmanager
def at_most(tasks: int) -> Iterator[None]:
    """Within `worker_threads`: wake no more threads than there are tasks (waking an idle one costs a wait for it)."""
    with _thread_count(min(max(tasks, 1), numba.get_num_threads())):
        yield


@contextmanager
def _thread_count(count: int) -> Iterator[int]:
    previous = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield count
    finally:
        numba.set_num_threads(previous)


def array(tensor: torch.Tensor) -> np.ndarray:
    """View a CPU tensor as a contiguous float32 array (a copy only where it is not one yet)."""
    return tensor.detach().to(torch.float32).contiguous().numpy()


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
