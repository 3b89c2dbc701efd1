"""FACS intensities of an expression: the truth of an actor's action units.

The table is the inverse of emotag.actors.performance.prototypes.AU_SHAPES; scale 0–5 as OpenFace's intensities
(A–E of the FACS manual are 1–5).
"""

import numpy as np

from emotag.actors.performance.lips import LipGap
from emotag.vocabulary import ACTION_UNITS

FULL = 5.0
"""Intensity of a unit whose expression is at 1."""

UNIT_OF_SHAPES: dict[int, dict[str, float]] = {
    1: {"browInnerUp": 1.0},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.0},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 0.9, "cheekRaiser": 0.9},
    7: {"eyeSquint": 1.0},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 1.0, "noseSneer": 0.35},
    12: {"mouthSmile": 1.0},
    14: {"mouthDimple": 1.0},
    15: {"mouthFrown": 1.0},
    17: {"mouthShrugLower": 1.0},
    20: {"mouthStretch": 1.0},
    23: {"mouthPress": 0.9, "mouthRollLower": 0.7, "mouthRollUpper": 0.7},
    45: {"eyeBlink": 1.0},
}
"""Action unit -> weights of expressions, left and right averaged; their sum is cut at 1."""

LIPS_PART_MM, LIPS_WIDE_MM = 0.5, 18.0
"""Lip opening at which AU25 is 0 and 5."""
JAW_DROP, JAW_FULL = 0.02, 0.22
"""Jaw angle in radians at which AU26 is 0 and 5; beyond half of the full opening the manual speaks of AU27."""


def action_units(
    names: tuple[str, ...],
    expression: np.ndarray,  # (T, E)
    jaw: np.ndarray,  # (T,) radians
    gap: LipGap | None = None,
) -> np.ndarray:  # (T, 17) in the order of emotag.vocabulary.ACTION_UNITS
    """Give FACS intensities 0–5 of named expressions and the jaw; expressions that the head lacks count as 0."""
    gap = gap or LipGap()
    curves = side_means(names, expression)
    curves["jaw"] = jaw
    zero = np.zeros(len(expression))
    units = np.zeros((len(expression), len(ACTION_UNITS)))
    for unit, weights in UNIT_OF_SHAPES.items():
        total = sum((weight * curves.get(name, zero) for name, weight in weights.items()), zero)
        units[:, ACTION_UNITS.index(unit)] = FULL * np.clip(total, 0, 1)
    opening = gap.opening(curves)
    units[:, ACTION_UNITS.index(25)] = FULL * np.clip((opening - LIPS_PART_MM) / (LIPS_WIDE_MM - LIPS_PART_MM), 0, 1)
    units[:, ACTION_UNITS.index(26)] = FULL * np.clip((jaw - JAW_DROP) / (JAW_FULL - JAW_DROP), 0, 1)
    return units


def side_means(
    names: tuple[str, ...],
    expression: np.ndarray,  # (T, E)
) -> dict[str, np.ndarray]:
    """Give each expression by its name without side, (T,): the mean of left and right."""
    columns: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        columns.setdefault(name.removesuffix("_L").removesuffix("_R"), []).append(index)
    return {name: expression[:, where].mean(axis=1) for name, where in columns.items()}
