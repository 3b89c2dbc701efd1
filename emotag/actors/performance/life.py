"""Life below the words: head and trunk that sway, nod, tilt with the emotion and breathe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emotag.actors.performance.coarticulation import RATE
from emotag.actors.performance.dynamics import Accent, bump, smooth_noise
from emotag.actors.performance.manner import Manner
from emotag.actors.performance.prototypes import Bearing


@dataclass(frozen=True)
class Carriage:
    """Head and trunk, N samples at RATE. Angles in radians: pitch (+ down), yaw (+ to the person's left), roll."""

    neck: np.ndarray  # (N, 3) axis-angle of the head on the neck
    trunk: np.ndarray  # (N, 3) axis-angle
    translation: np.ndarray  # (N, 3) metres


LIMITS = np.radians([6.0, 10.0, 3.5])
"""Largest sway of pitch, yaw and roll that is not an emotion's bearing or a nod."""


def carriage(
    count: int,
    strength: np.ndarray,  # (N,) in [0, 1]: intensity of the emotion
    bearing: Bearing,
    accented: Sequence[Accent],
    loud: np.ndarray,  # (N,) in [0, 1]
    manner: Manner,
    rng: np.random.Generator,
) -> Carriage:
    """Move head and trunk. The sway is slow noise; stressed syllables nod; the emotion sets posture and mobility."""
    time = np.arange(count) / RATE
    side = rng.choice([-1.0, 1.0], size=2)
    mobility = manner.mobility * (1 + (bearing.mobility - 1) * strength)

    sway = np.stack([smooth_noise(count, period, rng) for period in _SWAY_PERIODS_S], axis=1) * _SWAY
    sway += np.stack([smooth_noise(count, period, rng) for period in _FAST_PERIODS_S], axis=1) * _FAST * loud[:, None]
    tremor = np.stack([smooth_noise(count, _TREMOR_PERIOD_S, rng) for _ in range(3)], axis=1)
    sway = LIMITS * np.tanh(sway * mobility[:, None] / LIMITS)

    posture = np.array([bearing.pitch, bearing.yaw * side[0], bearing.roll * side[1]])
    lagging = gaussian_filter1d(strength, _LAG_S * RATE, mode="nearest")[:, None]  # the body is slower than the face
    head = sway + lagging * (posture + bearing.tremor * tremor)
    head[:, 0] += _nods(time, accented, manner, rng) * mobility
    head[:, 2] += manner.head_tilt

    trunk = np.stack([smooth_noise(count, period, rng) for period in _TRUNK_PERIODS_S], axis=1) * _TRUNK
    shift = np.stack([smooth_noise(count, period, rng) for period in _SHIFT_PERIODS_S], axis=1) * _SHIFT
    breath = _breathing(time, rng)
    trunk[:, 0] -= _BREATH_PITCH * breath
    shift[:, 1] += _BREATH_RISE * breath
    shift += lagging * np.array([0.0, bearing.height, bearing.forward])
    return Carriage(head, trunk, shift)


def _nods(time: np.ndarray, accented: Sequence[Accent], manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """Down on the stressed syllable, back up after it with a little overshoot."""
    pitch = np.zeros_like(time)
    for accent in accented:
        size = _NOD * manner.nods * accent.strength * rng.uniform(0.3, 1.0)
        pitch += size * bump(time, accent.time_s, 0.16, 0.26)
        pitch -= 0.35 * size * bump(time, accent.time_s + 0.30, 0.20, 0.30)
    return pitch


def _breathing(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In −1 (out) … 1 (in); quicker in than out."""
    rate = rng.uniform(*_BREATHS_HZ)
    phase = 2 * np.pi * (rate * time + rng.uniform())
    return np.sin(phase + 0.35 * np.sin(phase))


_LAG_S = 0.12
_SWAY = np.radians([1.9, 4.2, 1.0])
_SWAY_PERIODS_S = (3.6, 4.6, 4.2)
_FAST = np.radians([0.7, 0.8, 0.4])  # while speaking
_FAST_PERIODS_S = (0.9, 1.1, 1.2)
_TREMOR_PERIOD_S = 0.30
_NOD = np.radians(4.0)
_TRUNK = np.radians([0.7, 0.9, 0.6])
_TRUNK_PERIODS_S = (5.0, 6.0, 5.5)
_SHIFT = np.array([0.0022, 0.0008, 0.0018])  # metres
_SHIFT_PERIODS_S = (5.5, 5.0, 6.0)
_BREATHS_HZ = (0.22, 0.33)
_BREATH_RISE, _BREATH_PITCH = 0.0010, np.radians(0.25)
