"""Weights of the terms from clips whose intensities are known: non-negative ridge regression, the signs given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from emotag.perception.action_units.calibration import Calibration
from emotag.perception.action_units.protocol import ACTION_UNITS, Array
from emotag.perception.action_units.terms import APPEARANCE_TERMS, GEOMETRY_TERMS, SIGNALS

RIDGE = 0.3
"""Of the terms' unit variance. Between 0.03 and 1 the left-out result changes by 0.002."""

PRIOR = 1.0
"""The ridge pulls towards equal weights of a unit's terms, not towards none: a unit that the clips hardly show (AU15)
keeps its FACS meaning. 1: a face whose terms all rise by their deviation rises by the unit's."""

REST_PERCENTILE = 30.0
"""Of a speaking or neutral clip's levels: its rest."""

MAX_STRETCH = 3.0
"""Regression shrinks towards the mean by the noise in the measures; levels are stretched back at most this much."""

_VARIANCE_FLOOR = 0.1  # of intensity²: a clip in which a unit hardly moves does not shout


@dataclass(frozen=True)
class LabelledClip:
    """Signals of one clip and the intensities that OpenFace saw in it."""

    person: str
    signals: Array  # (T, S) columns as SIGNALS
    intensities: Array  # (T, 17)
    weight: float = 1.0
    rest: bool = True  # speaking or neutral: fit to tell the population's rest levels


def fit(clips: Sequence[LabelledClip], *, appearance: bool) -> Calibration:
    """Fit every unit's weights within clips (each clip's mean taken off), and the population's rest levels."""
    weights = np.zeros((len(ACTION_UNITS), len(SIGNALS)))
    for row, unit in enumerate(ACTION_UNITS):
        signs = GEOMETRY_TERMS[unit] | (APPEARANCE_TERMS[unit] if appearance else {})
        columns = [SIGNALS.index(name) for name in signs]
        weights[row, columns] = _fit_unit(clips, row, columns, np.array(list(signs.values()), float))
    return Calibration(weights, *_rest(clips, weights))


def _rest(clips: Sequence[LabelledClip], weights: Array) -> tuple[Array, Array]:  # (17,), (17,)
    """Give the median and the spread of people's rest levels (over clips first, then over people)."""
    people: dict[str, list[Array]] = {}
    for clip in clips:
        if clip.rest:
            level = np.percentile(clip.signals @ weights.T, REST_PERCENTILE, axis=0)
            people.setdefault(clip.person, []).append(level)
    if len(people) < 2:
        raise ValueError("the population's rest needs at least two people at rest")
    levels = np.stack([np.mean(own, axis=0) for own in people.values()])  # (P, 17)
    return np.median(levels, axis=0), levels.std(axis=0, ddof=1)


def _fit_unit(clips: Sequence[LabelledClip], row: int, columns: list[int], signs: Array) -> Array:
    size = len(columns)
    gram, moment, total = np.zeros((size, size)), np.zeros(size), 0.0
    centred = []
    for clip in clips:
        x = clip.signals[:, columns] * signs
        y = clip.intensities[:, row]
        x, y = x - x.mean(axis=0), y - y.mean()
        weight = clip.weight / (y.var() + _VARIANCE_FLOOR)
        gram += weight * x.T @ x / len(y)
        moment += weight * x.T @ y / len(y)
        total += weight
        centred.append((x, y, clip.weight))
    scale = np.sqrt(np.diag(gram) / total) + 1e-12
    ridge = gram / total / np.outer(scale, scale) + RIDGE * np.eye(size)
    factor = np.linalg.cholesky(ridge)
    spread = sum(weight * np.var(y) for _, y, weight in centred) / max(sum(weight for *_, weight in centred), 1e-12)
    prior = np.full(size, PRIOR * np.sqrt(spread) / size)
    solution, _ = nnls(factor.T, np.linalg.solve(factor, moment / total / scale + RIDGE * prior))
    found = solution / scale
    predicted = sum(weight * np.var(x @ found) for x, _, weight in centred)
    wanted = sum(weight * np.var(y) for _, y, weight in centred)
    stretch = np.sqrt(wanted / predicted) if predicted > 0 else 1.0
    return np.asarray(found * signs * np.clip(stretch, 1.0, MAX_STRETCH))
