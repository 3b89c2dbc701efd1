"""Action-unit error (AUE) as the peers define it, over two tables of OpenFace intensities."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotag.errors import InputError

LOWER_FACE = tuple(f"AU{number:02d}_r" for number in (10, 12, 14, 15, 17, 20, 23, 25, 26))
"""Columns of AUE-L."""

UPPER_FACE = tuple(f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 45))
"""Columns of AUE-U."""

ALL_UNITS = tuple(sorted(LOWER_FACE + UPPER_FACE))
"""The 17 intensity columns, in FACS order."""


@dataclass(frozen=True)
class ActionUnitError:
    """AUE of a clip; `per_unit` holds each unit's mean squared difference (intensity²)."""

    lower: float
    upper: float
    per_unit: dict[str, float]


def action_unit_error(
    truth: Mapping[str, np.ndarray],  # "AU01_r" … -> (T,) intensities 0-5
    render: Mapping[str, np.ndarray],  # likewise
    valid: np.ndarray | None = None,  # (T,) bool: frames where both tables are to be believed
) -> ActionUnitError:
    """Give AUE-L and AUE-U: (render − truth)², mean over frames per unit, then summed over the units.

    Nothing divides by the number of units, as in the peers' tables. NaN when no frame is valid. Raises InputError when
    a column is missing and ValueError when lengths differ.
    """
    per_unit = {unit: _mean_square(_column(truth, unit), _column(render, unit), valid) for unit in ALL_UNITS}
    return ActionUnitError(
        lower=sum(per_unit[unit] for unit in LOWER_FACE),
        upper=sum(per_unit[unit] for unit in UPPER_FACE),
        per_unit=per_unit,
    )


def _column(table: Mapping[str, np.ndarray], unit: str) -> np.ndarray:
    if unit not in table:
        raise InputError(f"the action-unit table has no column '{unit}'; run the stage 'action_units' again")
    return np.asarray(table[unit], dtype=np.float64)


def _mean_square(truth: np.ndarray, render: np.ndarray, valid: np.ndarray | None) -> float:
    if truth.shape != render.shape or (valid is not None and valid.shape != truth.shape):
        raise ValueError(f"action-unit columns differ in length: {truth.shape} and {render.shape}")
    squared = (render - truth) ** 2
    used = np.isfinite(squared) if valid is None else np.isfinite(squared) & valid
    return float(squared[used].mean()) if used.any() else float("nan")
