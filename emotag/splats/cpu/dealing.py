"""Deal a kernel's work out to threads as they become free.

Not numba's own threads, on purpose: those meet at a barrier after every parallel loop, where a thread that the system
has not yet woken holds up the others for milliseconds on a busy machine; one of numba's threading layers ends the
process when two callers meet, and another when it is used after a fork.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def take_turn(typing_context: Any, counter: Any) -> Any:
    """Add 1 to `counter[0]` (int64) atomically and give the value before: each caller gets its own number."""
    if not (isinstance(counter, types.Array) and counter.dtype == types.int64):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = cgutils.gep(builder, array.data, 0)
        return builder.atomic_rmw("add", pointer, context.get_constant(types.int64, 1), "monotonic")

    return types.int64(counter), generate


def run(kernel: Callable[..., None], turns: int, *arguments: object) -> None:
    """Call `kernel(counter, *arguments)` on this thread and up to torch.get_num_threads() − 1 others, and wait.

    The kernel takes turns from the counter until they exceed `turns`. A helper that has not started when this thread
    finds no more turns is not waited for.
    """
    counter = np.zeros(1, np.int64)
    helpers = min(torch.get_num_threads(), turns) - 1
    futures = [_pool().submit(kernel, counter, *arguments) for _ in range(helpers)]
    kernel(counter, *arguments)
    for future in futures:
        if not future.cancel():
            future.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="rasterizer")
