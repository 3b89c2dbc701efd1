"""Per-frame tables: Parquet with the key columns `clip`, `frame`, `time_s`, and a note on how they were made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotag.errors import InputError
from emotag.files import atomic

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
        "clip": pa.array([clip] * rows, pa.string()),
        "frame": pa.array(frames),
        "time_s": pa.array(frames / FPS, pa.float64()),
    }
    for name, values in columns.items():
        made[name] = _column(values, rows)
    return pa.table(made)


def _column(values: Any, rows: int) -> pa.Array:
    if isinstance(values, list) and (not values or isinstance(values[0], str | None)):
        return pa.array(values, pa.string())
    array = np.asarray(values)
    if array.ndim == 1:
        return pa.array(array.astype(np.float32) if array.dtype.kind == "f" else array)
    flat = np.ascontiguousarray(array.reshape(rows, -1), dtype=np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


def write_table(path: Path | str, table: pa.Table, metadata: dict[str, Any]) -> None:
    """Write a table atomically with `metadata` (JSON: engine, version, digest of weights, settings) in its footer."""
    note = {_METADATA: json.dumps(metadata).encode()}
    with atomic(path) as partial:
        pq.write_table(table.replace_schema_metadata(note), partial, compression="zstd")


def read_table(path: Path | str) -> pa.Table:
    """Read a table. Raises InputError when it is missing or is not Parquet."""
    path = Path(path)
    try:
        return pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that makes it (`dvc repro`)") from None
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a Parquet table ({error}); delete it and run its stage again") from None


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Read the note that `write_table` left in the footer ({} when there is none)."""
    note = read_table(path).schema.metadata or {}
    return dict(json.loads(note.get(_METADATA, b"{}")))


def to_frame(table: pa.Table) -> pd.DataFrame:
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
    chunked = table[name].combine_chunks()
    array = chunked.combine_chunks() if isinstance(chunked, pa.ChunkedArray) else chunked
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), array.type.list_size).copy()
    return array.to_numpy(zero_copy_only=False).copy()
