"""Networks in ONNX files, run by onnxruntime."""

from pathlib import Path
from typing import TYPE_CHECKING

from emotag.errors import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_ERRORS_ONLY = 3


def open_session(path: Path, *, threads: int = 1) -> "InferenceSession":
    """Load a network, on CUDA where the installed onnxruntime has it. One thread, so that results do not depend on the
    number of cores.

    Raises InputError when the file is missing or is no network.
    """
    import onnxruntime

    if not path.is_file():
        raise InputError(f"{path}: not found; `emotag doctor` says where to get it")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    providers = [name for name in _PROVIDERS if name in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's own exceptions share no base class
        reason = str(error).strip().splitlines()
        raise InputError(f"{path}: not a network in ONNX ({reason[0] if reason else error}); get it again") from None


def require_input(
    session: "InferenceSession",
    path: Path,
    shape: tuple[int | None, ...],  # None: any
) -> str:
    """Give the name of the network's input. Raises InputError unless it has one input of that shape."""
    inputs = session.get_inputs()
    found = inputs[0].shape if len(inputs) == 1 else []
    fits = len(found) == len(shape) and all(
        want is None or not isinstance(have, int) or have == want for have, want in zip(found, shape)
    )
    if not fits:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise InputError(
            f"{path}: takes {found or f'{len(inputs)} inputs'}, expected ({wanted}); is it the right file?"
        )
    return str(inputs[0].name)
