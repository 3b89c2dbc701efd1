"""Smooth random fields on pictures and in space."""

import cv2
import numpy as np


def texture_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    wavelength: float,  # texels
) -> np.ndarray:  # (H, W) float32, mean about 0, deviation about 1
    """Smooth noise with features of one size."""
    if wavelength <= 2:
        field = rng.standard_normal(shape, dtype=np.float32)
        return field if wavelength < 1.5 else 1.6 * cv2.GaussianBlur(field, (3, 3), 0.6)
    small = (max(int(2 * shape[0] / wavelength) + 2, 3), max(int(2 * shape[1] / wavelength) + 2, 3))
    grown = cv2.resize(rng.standard_normal(small, dtype=np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown / (grown.std() + 1e-6), dtype=np.float32)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    wavelength: float,
    octaves: int,
) -> np.ndarray:  # (H, W) float32, deviation about 1
    """A sum of noises of halved size and strength."""
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        total += texture_noise(rng, shape, wavelength / 2**octave) / 1.7**octave
    return total / (total.std() + 1e-6)


def space_noise(
    rng: np.random.Generator,
    points: np.ndarray,  # (..., 3) metres
    wavelength: float,  # metres
    waves: int = 10,
) -> np.ndarray:  # (...) deviation about 1
    """Smooth noise in space: a few plane waves of random direction and phase."""
    direction = rng.standard_normal((waves, 3))
    direction *= (2 * np.pi / wavelength / np.linalg.norm(direction, axis=1) * rng.uniform(0.7, 1.4, waves))[:, None]
    phase = rng.uniform(0, 2 * np.pi, waves)
    return np.cos(points @ direction.T + phase).sum(-1) / np.sqrt(waves / 2)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 at low, 1 at high (which may be below low), smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
