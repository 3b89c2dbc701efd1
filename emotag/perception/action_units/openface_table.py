"""OpenFace's table of intensities: read whatever its header looks like, and laid on our clock by its timestamps."""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError
from emotag.perception.action_units.protocol import COLUMNS, MAX_INTENSITY, Array
from emotag.tables import FPS

_NEEDED = ("timestamp", "success", *COLUMNS)
_SAME_TIME_S = 2e-3  # timestamps are written with three decimals
_MAX_STEP = 1.5  # of the table's usual step: what lies farther apart is not interpolated
_SLACK = 1e-6


@dataclass(frozen=True)
class OpenFaceTable:
    """What `FeatureExtraction` saw, a row per frame of its own input."""

    name: str  # the file, or the video it was made of: named in errors
    time_s: Array  # (R,) strictly increasing
    success: NDArray[np.bool_]  # (R,)
    intensities: Array  # (R, 17) 0-5, in the order of ACTION_UNITS

    @property
    def step_s(self) -> float:
        """Give the usual time between two rows (of a single row: ours)."""
        return float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else 1 / FPS

    @property
    def end_s(self) -> float:
        """Give when the last row's frame ends, seconds."""
        return float(self.time_s[-1]) + self.step_s


def read_openface(path: Path | str, name: str | None = None) -> OpenFaceTable:
    """Read a CSV, gzipped or not; header names are stripped, since some versions write a blank before each.

    `name` is what errors speak of (the path without one). Raises InputError when it is missing, damaged, empty, lacks a
    column, holds several faces or impossible numbers.
    """
    path, name = Path(path), name or str(path)
    names, cells = _cells(path, name)
    absent = [name for name in _NEEDED if name not in names]
    if absent:
        raise InputError(f"{name}: OpenFace's table has no column {absent[0]}; run FeatureExtraction with -aus")
    if not cells:
        raise InputError(f"{name}: OpenFace's table holds no rows; run FeatureExtraction again")
    at = [names.index(name) for name in _NEEDED]
    values = np.empty((len(cells), len(at)))
    for row, line in enumerate(cells):
        try:
            values[row] = [float(line[index]) for index in at]
        except (ValueError, IndexError):
            raise InputError(
                f"{name}: OpenFace's table is damaged in row {row + 1}; run FeatureExtraction again"
            ) from None
    time_s, success, intensities = values[:, 0], values[:, 1] > 0.5, values[:, 2:]
    _check(name, time_s, success, intensities)
    return OpenFaceTable(name, time_s, success, np.clip(intensities, 0, MAX_INTENSITY))


def _cells(path: Path, name: str) -> tuple[list[str], list[list[str]]]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except FileNotFoundError:
        raise InputError(f"{name}: OpenFace's table is not there; run FeatureExtraction again") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{name}: OpenFace's table cannot be read ({error}); run FeatureExtraction again") from None
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    return [name.strip() for name in rows[0]] if rows else [], rows[1:]


def _check(name: str, time_s: Array, success: NDArray[np.bool_], intensities: Array) -> None:
    later = np.diff(time_s) > 0
    if not np.isfinite(time_s).all() or not later.all():
        row = 1 if later.all() else int(np.flatnonzero(~later)[0]) + 2
        raise InputError(
            f"{name}: the timestamp of row {row} does not follow the one before; a table of one face and of a video "
            "is needed (FeatureExtraction, not FaceLandmarkVidMulti)"
        )
    if not np.isfinite(intensities[success]).all():
        raise InputError(f"{name}: OpenFace's table holds intensities that are no numbers; run FeatureExtraction again")


def on_our_clock(
    table: OpenFaceTable,
    frames: int,  # T
) -> tuple[Array, NDArray[np.bool_]]:  # (T, 17) NaN where not valid, (T,)
    """Give the intensities at i / 25 s: the row of that very time, or between the two rows around it.

    A frame is valid where all the rows it is made of saw the face, and lie no farther apart than rows do in the table.
    """
    wanted = np.arange(frames) / FPS
    after = np.clip(np.searchsorted(table.time_s, wanted), 0, len(table.time_s) - 1)
    before = np.maximum(after - 1, 0)
    for side in (before, after):  # on the spot: no neighbour is needed
        exact = np.abs(table.time_s[side] - wanted) <= _SAME_TIME_S
        before, after = np.where(exact, side, before), np.where(exact, side, after)
    beyond = wanted > table.time_s[-1]
    before = np.where(beyond, len(table.time_s) - 1, before)
    gap = table.time_s[after] - table.time_s[before]
    share = np.where(gap > 0, (wanted - table.time_s[before]) / np.maximum(gap, _SLACK), 0.0).clip(0, 1)
    reach = np.maximum(table.time_s[0] - wanted, wanted - table.time_s[-1])  # outside of the table
    valid = table.success[before] & table.success[after]
    valid &= (gap <= _MAX_STEP * table.step_s + _SAME_TIME_S) & (reach <= table.step_s + _SAME_TIME_S)
    rows = table.intensities
    values = rows[before] * (1 - share[:, None]) + rows[after] * share[:, None]
    return np.where(valid[:, None], values, np.nan), valid


def judge(
    table: OpenFaceTable,
    frames: int,  # of the clip
    *,
    min_success: float,
    max_end_gap_s: float | None,  # None: the table must have a row per frame
) -> None:
    """Raise InputError unless the table is of this clip and saw its face: the program's exit code says neither."""
    if max_end_gap_s is None:
        if len(table.time_s) != frames:
            raise InputError(
                f"{table.name}: OpenFace wrote {len(table.time_s)} rows for a clip of {frames} frames; look at its "
                "output, and whether it can read the clip to the end"
            )
    elif abs(table.end_s - frames / FPS) > max_end_gap_s + _SLACK:
        raise InputError(
            f"{table.name}: lasts {table.end_s:.2f} s and the clip {frames / FPS:.2f} s; make the table from the clip "
            "itself (its video under data/crop/)"
        )
    seen = float(table.success.mean())
    if seen < min_success:
        raise InputError(
            f"{table.name}: OpenFace saw a face in {seen:.0%} of the frames, less than {min_success:.0%}; choose "
            "another clip, another landmark_model, or lower action_units.openface.min_success"
        )
