"""The dental arch: a plane curve through incisal edges and buccal cusps, measured by arc length."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import root


@dataclass(frozen=True)
class Arch:
    """z = front − quadratic x² − quartic x⁴ (Lu 1966: arches are fourth-degree polynomials), tilted about its front.

    Arc length runs from the midline to the person's left; negative arc length is the right side.
    """

    front: np.ndarray  # (3,) metres: the curve at the midline, x = 0
    quadratic: float  # 1/m
    quartic: float  # 1/m³
    rise: float  # metres that the occlusal plane rises per metre backwards
    _x: np.ndarray = field(repr=False)
    _length: np.ndarray = field(repr=False)

    def frame(
        self,
        arc: np.ndarray,  # (N,) metres from the midline
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # point (N, 3), tangent to the left (N, 3), outward normal (N, 3)
        """Give the curve and its horizontal frame at an arc length. The curve goes on straight beyond its end."""
        x = np.interp(np.abs(arc), self._length, self._x)
        beyond = np.maximum(np.abs(arc) - self._length[-1], 0.0)
        slope = -2 * self.quadratic * x - 4 * self.quartic * x**3
        run = 1 / np.hypot(1.0, slope)
        depth = self.quadratic * x**2 + self.quartic * x**4 - beyond * run * slope
        sign = np.where(np.asarray(arc) < 0, -1.0, 1.0)
        zero = np.zeros_like(x)
        point = self.front + np.stack((sign * (x + beyond * run), self.rise * depth, -depth), axis=1)
        tangent = np.stack((run, zero, sign * run * slope), axis=1)
        outward = np.stack((-sign * run * slope, zero, run), axis=1)
        return point, tangent, outward


def fit_arch(
    front: np.ndarray,  # (3,) metres
    canine: tuple[float, float],  # arc length and half-width at the canine's cusp, metres
    molar: tuple[float, float],  # the same at the first molar's buccal cusps
    rise: float,
) -> Arch:
    """Find the arch that reaches two half-widths at two arc lengths. Raises ValueError when there is none."""

    def miss(log_factors: np.ndarray) -> np.ndarray:
        factors = np.exp(log_factors)
        x, length = _lengths(factors[0], factors[1], molar[1])
        return np.array([np.interp(half, x, length) - arc for arc, half in (canine, molar)]) * 1e3

    found = root(miss, np.log([20.0, 2e4]), method="hybr")
    if not found.success:
        raise ValueError(f"no dental arch with canine {canine} and molar {molar}: {found.message}")
    quadratic, quartic = (float(factor) for factor in np.exp(found.x))
    x, length = _lengths(quadratic, quartic, molar[1])
    return Arch(np.asarray(front), quadratic, quartic, rise, x, length)


_BEYOND_MOLAR = 1.04
"""The curve is followed a little beyond the first molar's cusps, straight from there."""


def _lengths(quadratic: float, quartic: float, molar: float) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, _BEYOND_MOLAR * molar, 801)
    step = np.hypot(np.diff(x), np.diff(quadratic * x**2 + quartic * x**4))
    return x, np.concatenate(([0.0], np.cumsum(step)))
