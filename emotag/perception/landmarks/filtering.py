"""A filter that removes jitter of still points and follows fast ones."""

import numpy as np

from emotag.tables import FPS

_SPEED_CUTOFF = 2.0  # Hz: how smooth the estimate of speed is


def one_euro(
    values: np.ndarray,  # (T, ...) pixels
    valid: np.ndarray,  # (T,) bool
    *,
    min_cutoff: float,  # Hz
    beta: float,  # Hz per (pixel / s)
) -> np.ndarray:  # (T, ...)
    """Filter along time (Casiez et al., the 1€ filter, CHI 2012); starts anew after a frame that is not valid.

    Run forwards and backwards and averaged, since a clip is known whole: the delays of the passes cancel.
    """
    out = np.full_like(values, np.nan)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], valid.astype(np.int8), [0]))))
    for start, stop in edges.reshape(-1, 2):
        part = values[start:stop].astype(np.float64)
        forwards = _one_pass(part, min_cutoff, beta)
        backwards = _one_pass(part[::-1], min_cutoff, beta)[::-1]
        out[start:stop] = (forwards + backwards) / 2
    return out


def _one_pass(values: np.ndarray, min_cutoff: float, beta: float) -> np.ndarray:
    out = np.empty_like(values)
    out[0] = values[0]
    speed = np.zeros_like(values[0])
    for index in range(1, len(values)):
        raw_speed = (values[index] - out[index - 1]) * FPS
        speed = speed + _weight(_SPEED_CUTOFF) * (raw_speed - speed)
        weight = _weight(min_cutoff + beta * np.abs(speed))
        out[index] = out[index - 1] + weight * (values[index] - out[index - 1])
    return out


def _weight(cutoff: float | np.ndarray) -> float | np.ndarray:
    """Weight of a new sample in an exponential average with this cut-off (Hz) at FPS."""
    step = 2 * np.pi * cutoff / FPS
    return step / (step + 1)
