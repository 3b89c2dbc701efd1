"""An unpickler that admits arrays and nothing else: FLAME's files are pickles, and a pickle can run code.

Only numpy arrays, scipy sparse matrices and the payload of chumpy arrays (FLAME 2020) come out; any other class is
refused by name. scipy's and chumpy's classes are never made: stand-ins take their state, and a sparse matrix is
rebuilt from its checked arrays.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar  # what numpy's own pickles name
from scipy.sparse import csc_matrix, csr_matrix

from emotag.errors import InputError


def read_pickle(path: Path) -> Any:
    """Read a pickle of dicts, lists, numbers, strings and arrays (Python 2 strings as latin-1).

    Raises InputError when it is missing, damaged or holds anything else.
    """
    with _opened(path) as file:
        return _read(file, path)


def read_npy(path: Path) -> Any:
    """Read a .npy file; a pickled object in it (FLAME's landmark_embedding.npy) is read as `read_pickle` does.

    Raises InputError when it is missing, damaged or holds anything but arrays.
    """
    with _opened(path) as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
            dtype = read_header(file)[2]
        except (ValueError, KeyError) as error:
            raise InputError(f"{path}: not a .npy file ({error}); copy it again") from None
        if dtype.hasobject:
            content = _read(file, path)
            return content.item() if isinstance(content, np.ndarray) and content.ndim == 0 else content
    return np.load(path, allow_pickle=False)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); put the file there or change `head`") from None


def _read(file: BinaryIO, path: Path) -> Any:
    try:
        return _plain(_ArrayUnpickler(file, path).load())
    except InputError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise InputError(f"{path}: a damaged pickle ({type(error).__name__}: {error}); copy it again") from None


class _StandIn:
    """Takes the state of an object of a class that is not made."""

    state: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class _Chumpy(_StandIn):
    pass


class _Csc(_StandIn):
    pass


class _Csr(_StandIn):
    pass


def _stand_in(cls: type, base: type, _state: object) -> _StandIn:
    """`copyreg._reconstructor`, for stand-ins only."""
    if not (isinstance(cls, type) and issubclass(cls, _StandIn) and base is object):
        raise pickle.UnpicklingError("an object of a plain Python class")
    return cls()


def _latin1(text: str, encoding: str) -> bytes:
    """`_codecs.encode`, as numpy's pickles use it for bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding}")
    return text.encode("latin-1")


def _frombuffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Numpy's own helper of protocol 5."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


_NUMPY: dict[str, Any] = {"_reconstruct": _reconstruct, "scalar": scalar}
_ADMITTED: dict[tuple[str, str], type | Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", name): made for core in ("core", "_core") for name, made in _NUMPY.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("chumpy.ch", "Ch"): _Chumpy,
    **{(f"scipy.sparse.{module}", "csc_matrix"): _Csc for module in ("csc", "_csc")},
    **{(f"scipy.sparse.{module}", "csr_matrix"): _Csr for module in ("csr", "_csr")},
    **{(module, "_reconstructor"): _stand_in for module in ("copy_reg", "copyreg")},
    **{
        (module, name): made
        for module in ("__builtin__", "builtins")
        for name, made in (("object", object), ("set", set))
    },
    ("_codecs", "encode"): _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise InputError(
                f"{self._path}: holds a {module}.{name}, and only arrays are admitted; this is no file of FLAME's, "
                "copy the original again"
            ) from None


def _plain(value: Any) -> Any:
    """Stand-ins as arrays, everywhere inside."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return np.vectorize(_plain, otypes=[object])(value) if value.size else value
    if isinstance(value, _Chumpy):
        payload = value.state.get("x")
        if not isinstance(payload, np.ndarray):
            raise pickle.UnpicklingError("a chumpy expression without its values")
        return payload
    if isinstance(value, _Csc | _Csr):
        made = csc_matrix if isinstance(value, _Csc) else csr_matrix
        state = value.state
        matrix = made((state["data"], state["indices"], state["indptr"]), shape=tuple(state["_shape"]))
        matrix.check_format(full_check=True)
        return matrix
    return value
