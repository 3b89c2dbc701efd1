"""Deal work out to threads as they become free, so that one slow thread does not hold up the others."""

from typing import Any

import numpy as np
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


def new_counter() -> np.ndarray:  # (1,) int64
    """A counter for `take_turn`, starting at 0."""
    return np.zeros(1, np.int64)
