"""Smooth lines and rings through a few points."""

import numpy as np
from scipy.interpolate import CubicSpline

_MIRROR = np.array([-1.0, 1.0, 1.0])


def line(
    points: np.ndarray,  # (K, 3)
    spacing: float,
) -> np.ndarray:  # (N, 3) with both ends
    """Points about `spacing` apart along the smooth open line through the given ones."""
    knots = _lengths(points)
    if len(points) == 2:
        return np.linspace(points[0], points[1], max(round(knots[-1] / spacing), 1) + 1)
    spline = CubicSpline(knots, points, bc_type="natural")
    return spline(np.linspace(0, knots[-1], max(round(knots[-1] / spacing), 1) + 1))


def closed(
    stations: np.ndarray,  # (K, 3)
    at: np.ndarray,  # (N,) in stations, 0 … K
    sharp: tuple[int, ...] = (),
) -> np.ndarray:  # (N, 3)
    """The smooth closed line through the stations; it may turn sharply at those in `sharp` (none or two)."""
    if not sharp:
        around = np.concatenate((stations, stations[:1]))
        return _sample(around, at, "periodic")
    first, second = sharp
    upper, lower = np.roll(stations, -first, 0), np.roll(stations, -second, 0)
    width = second - first
    shifted = (at - first) % len(stations)
    there = _sample(upper[: width + 1], np.minimum(shifted, width), "natural")
    back = _sample(lower[: len(stations) - width + 1], np.maximum(shifted - width, 0), "natural")
    return np.where((shifted <= width)[:, None], there, back)


def half_ring(
    stations: np.ndarray,  # (K, 3) from the midline to the midline
    at: np.ndarray,  # (N,) in stations, 0 … K − 1
    sharp: int | None = None,
) -> np.ndarray:  # (N, 3) x = 0 at the ends
    """The half of a mirror-symmetric smooth ring; it may turn sharply at the station `sharp`."""
    last = len(stations) - 1
    front, back = stations[1:4][::-1] * _MIRROR, stations[-4:-1][::-1] * _MIRROR
    if sharp is None:
        points = _sample(np.concatenate((front, stations, back)), at + 3, "natural")
    else:
        there = _sample(np.concatenate((front, stations[: sharp + 1])), np.minimum(at, sharp) + 3, "natural")
        return_ = _sample(np.concatenate((stations[sharp:], back)), np.maximum(at, sharp) - sharp, "natural")
        points = np.where((at <= sharp)[:, None], there, return_)
    points[(at == 0) | (at == last), 0] = 0.0
    return points


def _sample(points: np.ndarray, at: np.ndarray, ends: str) -> np.ndarray:
    """The spline over chord length at fractional point numbers."""
    knots = _lengths(points)
    return CubicSpline(knots, points, bc_type=ends)(np.interp(at, np.arange(len(points)), knots))


def _lengths(points: np.ndarray) -> np.ndarray:  # (K,) along the polyline
    return np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
