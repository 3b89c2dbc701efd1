"""librosa with its compiled functions, made by one process at a time.

librosa's generalised ufuncs are compiled when their modules are imported, and numba keeps each in two files beside
them: the kernel, and a wrapper that calls the kernel by a name which differs from process to process. Two processes
that import librosa first, together, can leave the kernel of one and the wrapper of the other, and then every later
process dies of a segmentation fault. So the modules with such functions are imported here, behind a lock, and whoever
needs librosa takes it from here.
"""

import fcntl
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MODULES = ("librosa.util.utils", "librosa.core.audio", "librosa.core.pitch")
"""Modules with generalised ufuncs, of those that this package uses."""


def _import_alone() -> None:
    spec = find_spec("librosa")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'librosa'", name="librosa")
    with Path(spec.origin).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for name in MODULES:
            import_module(name)


_import_alone()

import librosa as librosa  # noqa: E402
