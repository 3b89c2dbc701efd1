"""Per-frame tables: Parquet with the key columns `clip`, `frame`, `time_s`, and a note on how they were made.

Arrays go to Arrow and back by their memory: pyarrow's own `array` and `to_numpy` import pandas on their first call,
half a second in each of a clip's stages.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emotag.errors import InputError
from emotag.files import atomic

if TYPE_CHECKING:
    import pandas as pd

FPS = 25
"""The one frame rate after `ingest`: frame i is at i / 25 s."""

KEYS = ("clip", "frame", "time_s")
_METADATA = b"emotag"


def frame_table(clip: str, columns: dict[str, Any]) -> pa.Table:
    """Build a table with one row per frame from arrays whose first axis is the frame.

    A 1-D array (T,) becomes a scalar column (float arrays as float32, bool and int as they are, str as string);
    an array (T, ...) becomes a fixed-size list of float32 of its flattened row. Raises ValueError when lengths differ.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns disagree in length: {lengths}")
    rows = next(iter(lengths.values()))
    frames = np.arange(rows, dtype=np.int32)
    made: dict[str, pa.Array] = {
        "clip": strings([clip] * rows),
        "frame": numbers(frames),
        "time_s": numbers(frames / FPS),
    }
    for name, values in columns.items():
        made[name] = _column(values, rows)
    return pa.Table.from_arrays(list(made.values()), names=list(made))


def _column(values: Any, rows: int) -> pa.Array:
    if isinstance(values, list) and (not values or isinstance(values[0], str | None)):
        return strings(values)
    array = np.asarray(values)
    if array.ndim == 1:
        return numbers(array.astype(np.float32) if array.dtype.kind == "f" else array)
    flat = array.reshape(rows, -1).astype(np.float32)
    return pa.FixedSizeListArray.from_arrays(numbers(flat.ravel()), flat.shape[1])


def numbers(
    values: np.ndarray,  # (N,) bool, integers or floats
) -> pa.Array:
    """Give an array as an Arrow array of the same type, without nulls (NaN stays NaN)."""
    kind = pa.from_numpy_dtype(values.dtype)
    stored = np.packbits(values, bitorder="little") if values.dtype == bool else np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(stored)])


def strings(values: Sequence[str | None]) -> pa.Array:
    """Give strings as an Arrow array; None is null."""
    encoded = [(value or "").encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    valid = np.packbits(np.array([value is not None for value in values], dtype=bool), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def to_numpy(
    values: pa.Array | pa.ChunkedArray,  # (N,) bool, integers, floats or fixed-size lists of them; no nulls
) -> np.ndarray:
    """Give a copy of an Arrow array as (N,), or (N, n) for lists."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not len(array):
        empty = np.zeros(0, getattr(array.type, "value_type", array.type).to_pandas_dtype())
        return empty.reshape(0, array.type.list_size) if pa.types.is_fixed_size_list(array.type) else empty
    if pa.types.is_fixed_size_list(array.type):
        return to_numpy(array.flatten()).reshape(len(array), array.type.list_size)
    if pa.types.is_boolean(array.type):
        bits = np.unpackbits(np.frombuffer(array.buffers()[1], np.uint8), bitorder="little")
        return bits[array.offset : array.offset + len(array)].astype(bool)
    return np.from_dlpack(array).copy()


def write_table(path: Path | str, table: pa.Table, metadata: dict[str, Any]) -> None:
    """Write a table atomically with `metadata` (JSON: engine, version, digest of weights, settings) in its footer."""
    note = {_METADATA: json.dumps(metadata).encode()}
    with atomic(path) as partial:
        pq.write_table(table.replace_schema_metadata(note), partial, compression="zstd")


def read_table(path: Path | str) -> pa.Table:
    """Read a table. Raises InputError when it is missing or is not Parquet."""
    path = Path(path)
    try:
        with pq.ParquetFile(path) as file:  # pq.read_table would look for a data set, and import pandas
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that makes it (`dvc repro`)") from None
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a Parquet table ({error}); delete it and run its stage again") from None


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Read the note that `write_table` left in the footer ({} when there is none)."""
    note = read_table(path).schema.metadata or {}
    return dict(json.loads(note.get(_METADATA, b"{}")))


def to_frame(table: pa.Table) -> "pd.DataFrame":
    """Give the table as pandas; list columns hold one numpy row per cell."""
    return table.to_pandas()


def column(table: pa.Table, name: str) -> np.ndarray:
    """Give one column as an array: (T,) for scalars, (T, n) float32 for fixed-size lists.

    Raises InputError when the table has no such column.
    """
    if name not in table.column_names:
        raise InputError(
            f"the table has no column '{name}' (it has: {', '.join(table.column_names)}); run its stage again"
        )
    return to_numpy(table[name])
