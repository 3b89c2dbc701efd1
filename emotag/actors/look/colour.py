"""sRGB, linear light, and the film curve."""

from collections.abc import Sequence

import numpy as np

CURVE_STEPS = 4096
CURVE_RANGE = 4.0
"""The curve's table covers linear light 0 … CURVE_RANGE; entry i stands for CURVE_RANGE · (i / CURVE_STEPS)²."""
_SHOULDER = 0.62
"""Linear light below this is shown as it is; above, highlights roll off towards 1."""


def to_linear(colour: np.ndarray | Sequence[float]) -> np.ndarray:
    """SRGB in 0–1 → linear light (IEC 61966-2-1)."""
    values = np.asarray(colour, dtype=np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray | Sequence[float]) -> np.ndarray:
    """Linear light → sRGB in 0–1."""
    values = np.clip(np.asarray(linear, dtype=np.float64), 0, None)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def film_curve() -> np.ndarray:  # (CURVE_STEPS + 1,) float32 in 0–255
    """Table from linear light to a display value, with a soft shoulder instead of clipping."""
    light = CURVE_RANGE * (np.arange(CURVE_STEPS + 1) / CURVE_STEPS) ** 2
    room = 1 - _SHOULDER
    rolled = np.where(light < _SHOULDER, light, _SHOULDER + room * (1 - np.exp(-(light - _SHOULDER) / room)))
    return (to_srgb(rolled) * 255).astype(np.float32)


def luminance(linear: np.ndarray) -> np.ndarray:  # (..., 3) -> (...)
    """Rec. 709 luminance of linear light."""
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray | float) -> np.ndarray:
    """Blend colours (..., 3) by an amount (...)."""
    weight = np.asarray(amount)[..., None]
    return first + (second - first) * weight
