"""How the kernels are compiled and where the compiled code is kept."""

import hashlib
import os
import tempfile
from collections.abc import Callable
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


def kernel(function: Function) -> Function:
    """Compile a function on its first call, or load it from the cache. It runs without Python's lock."""
    folder = cache_folder()
    compiler = numba.njit(cache=folder is not None, nogil=True, fastmath=FASTMATH, error_model="numpy")
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(folder or previous)  # read once, by the decorator
    try:
        return compiler(function)
    finally:
        config.CACHE_DIR = previous


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
