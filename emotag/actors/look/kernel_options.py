"""How the renderer's kernels are compiled.

Kernels get arrays and make none, so they do without counting references (`_nrt`): numba would count one up and down
for every array that a pixel touches, which costs as much as the shading itself. Small functions are inlined before
LLVM sees them, since passing a tuple of arrays copies its headers. Numba's cache does not see that an inlined function
of another file has changed: touch the kernels' files after such an edit.
"""

from typing import Any

KERNEL: dict[str, Any] = {"cache": True, "fastmath": True, "nogil": True, "error_model": "numpy", "_nrt": False}
INLINED: dict[str, Any] = {**KERNEL, "inline": "always"}
