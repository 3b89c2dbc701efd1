"""The feature store: everything known of a clip's frames in one table, and how to read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotag.errors import InputError
from emotag.tables import FPS, numbers, strings, to_numpy
from emotag.vocabulary import ACTION_UNITS, EMOTIONS, au_column

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Field:
    """What a column of the feature store must be."""

    stage: str  # the stage whose table brings it
    kind: str  # "list" (fixed-size list of float32), "float", "bool", "string"
    low: float = -np.inf  # smallest value that makes sense
    high: float = np.inf  # largest value that makes sense


SCHEMA: dict[str, Field] = {
    "rotation": Field("track", "list", -7, 7),
    "translation": Field("track", "list", -3, 3),
    "neck_pose": Field("track", "list", -4, 4),
    "jaw_pose": Field("track", "list", -2, 2),
    "eyes_pose": Field("track", "list", -2, 2),
    "expression": Field("track", "list", -10, 10),
    "shape": Field("track", "list", -10, 10),
    "focal_length": Field("track", "float", 0.1, 50),
    "reprojection_px": Field("track", "float", 0),
    **{au_column(unit): Field("action_units", "float", 0, 5) for unit in ACTION_UNITS},
    **{f"p_{emotion}": Field("emotion", "float", 0, 1) for emotion in EMOTIONS},
    "e": Field("emotion", "float", 0, 1),
    "audio": Field("audio", "list"),
    "f0_hz": Field("audio", "float", 0),
    "voiced": Field("audio", "bool"),
    "energy_db": Field("audio", "float"),
    "phone": Field("audio", "string"),
}


STAGES = tuple(dict.fromkeys(field.stage for field in SCHEMA.values()))
"""The stages whose tables are joined; their engines must be the same for all clips of a training run."""


def join_tables(
    clip: str,
    identity: str,
    tables: Mapping[str, pa.Table],  # by stage
) -> pa.Table:
    """Join the per-frame tables of a clip into one validated row per frame, with `valid_<stage>` flags.

    Raises InputError when the tables disagree in length or order, lack a column, or hold values out of range.
    """
    lengths = {stage: table.num_rows for stage, table in tables.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{stage} {rows}" for stage, rows in lengths.items())
        raise InputError(f"clip {clip}: the tables disagree in length ({told} rows); run `dvc repro` to remake them")
    rows = next(iter(lengths.values()))
    frames = np.arange(rows, dtype=np.int32)
    columns: dict[str, Any] = {
        "identity": strings([identity] * rows),
        "clip": strings([clip] * rows),
        "frame": numbers(frames),
        "time_s": numbers(frames / FPS),
    }
    for stage, table in tables.items():
        if not np.array_equal(to_numpy(table["frame"]), frames):
            raise InputError(f"clip {clip}: the table of stage {stage} does not number its frames 0…{rows - 1}")
        if "valid" in table.column_names:
            columns[f"valid_{stage}"] = table["valid"]
    for name, field in SCHEMA.items():
        if name not in tables[field.stage].column_names:
            raise InputError(f"clip {clip}: the table of stage {field.stage} has no column {name}; run it again")
        columns[name] = _checked(clip, name, field, tables[field.stage][name])
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _checked(clip: str, name: str, field: Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kinds = {
        "list": pa.types.is_fixed_size_list,
        "float": pa.types.is_floating,
        "bool": pa.types.is_boolean,
        "string": pa.types.is_string,
    }
    if not kinds[field.kind](values.type):
        raise InputError(f"clip {clip}: column {name} of stage {field.stage} is {values.type}, expected {field.kind}")
    if field.kind in ("list", "float"):
        rows = to_numpy(values).reshape(len(values), -1)
        bad = np.isinf(rows) | ((rows < field.low) | (rows > field.high))  # NaN is neither
        if bad.any():
            frame = int(np.flatnonzero(bad.any(axis=1))[0])
            raise InputError(
                f"clip {clip}, frame {frame}: {name} of stage {field.stage} is outside [{field.low}, {field.high}]"
            )
    return values


def read_features(
    root: Path | str = "data/features",
    *,
    clips: Iterable[str] | None = None,
    identities: Iterable[str] | None = None,
    columns: list[str] | None = None,
) -> "pd.DataFrame":
    """Read the feature store as pandas, sorted by clip and frame; identity and clip are columns.

    Example: `read_features(identities=["ada"], columns=["clip", "frame", "AU12_r", "e"])`.
    Raises InputError when there is no such store.
    """
    import pandas as pd  # for analysis only: the stages need neither of them
    import pyarrow.dataset as ds

    files = sorted(Path(root).glob("*.parquet"))
    if not files:
        raise InputError(f"{root}: holds no feature tables; run `dvc repro`")
    condition = None
    for name, wanted in (("clip", clips), ("identity", identities)):
        if wanted is not None:
            one = ds.field(name).isin(list(wanted))
            condition = one if condition is None else condition & one
    parts = [ds.dataset(file).to_table(columns=columns, filter=condition).to_pandas() for file in files]
    joined = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    order = [key for key in ("clip", "frame") if key in joined.columns]
    return joined.sort_values(order, ignore_index=True) if order else joined
