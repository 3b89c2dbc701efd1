"""Quadratic programs in a box, by a primal-dual interior-point method (Nocedal & Wright, Numerical Optimization, 16.6).

Named expressions lie at their bounds most of the time and overlap strongly: methods that guess which entries are held
then change their mind for ever, while the interior path takes about a dozen linear solves.
"""

from typing import Protocol

import numpy as np

_ROUNDS = 25  # most interior-point steps
_INSIDE = 0.02  # of the box's width: how far off its bounds the path starts
_FIRST_FORCE = 1.0  # cost per unit
_CENTRING, _BACK_OFF = 0.1, 0.995
_LEAST_GAP, _LEAST_DUAL = 1e-6, 1e-6


class System(Protocol):
    """A symmetric positive definite matrix A that is cheap to apply and to solve."""

    def diagonal(self) -> np.ndarray:
        """Give A's diagonal, in the shape of the unknowns."""
        ...

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Give A x."""
        ...

    def solve(self, right: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Solve (A + diag(diagonal)) x = right. Raises numpy.linalg.LinAlgError when that is not positive definite."""
        ...


def solve_boxed(
    system: System,
    gradient: np.ndarray,
    low: np.ndarray,  # least and
    high: np.ndarray,  # largest value of each unknown, may be infinite
    damping: float = 0.0,  # adds this share of A's diagonal to A
) -> np.ndarray:
    """Minimise ½ xᵀ A x + gradientᵀ x within the box. Entries that end at a bound lie on it exactly."""
    damp = damping * system.diagonal()
    width = np.minimum(high - low, 1.0)
    x = np.clip(0.0, low + _INSIDE * width, high - _INSIDE * width)
    below, above = np.isfinite(low), np.isfinite(high)
    count = max(int(below.sum() + above.sum()), 1)
    force_low, force_high = below * _FIRST_FORCE, above * _FIRST_FORCE
    for _ in range(_ROUNDS):
        room_low, room_high = np.where(below, x - low, 1.0), np.where(above, high - x, 1.0)
        gap = float((room_low * force_low).sum() + (room_high * force_high).sum()) / count
        dual = system.apply(x) + damp * x + gradient - force_low + force_high
        if gap < _LEAST_GAP and np.abs(dual).max() < _LEAST_DUAL * max(1.0, float(np.abs(gradient).max())):
            break
        stiff_low, stiff_high = force_low / room_low, force_high / room_high
        pull_low = below * (_CENTRING * gap / room_low - force_low)
        pull_high = above * (_CENTRING * gap / room_high - force_high)
        step = system.solve(-dual + pull_low - pull_high, damp + stiff_low + stiff_high)
        step_low, step_high = pull_low - stiff_low * step, pull_high + stiff_high * step
        primal = _share(np.where(below, room_low, np.inf), step, np.where(above, room_high, np.inf), -step)
        force = _share(force_low, step_low, force_high, step_high)
        x = x + primal * step
        force_low, force_high = force_low + force * step_low, force_high + force * step_high
    x = np.where(below & (force_low > x - low), low, x)
    return np.where(above & (force_high > high - x), high, x)


def _share(room: np.ndarray, step: np.ndarray, other_room: np.ndarray, other_step: np.ndarray) -> float:
    """How much of a step keeps both rooms positive, at most all of it."""
    return min(1.0, _BACK_OFF * min(_longest(room, step), _longest(other_room, other_step)))


def _longest(room: np.ndarray, step: np.ndarray) -> float:
    shrinks = step < 0
    return float((room[shrinks] / -step[shrinks]).min(initial=np.inf))
