"""Paint of the eyeball: sclera, iris with its fibres and rings, pupil."""

import numpy as np

from emotag.actors.look.atlas import EYE_CORNER, Atlas
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.look import Look
from emotag.actors.look.noise import fractal, smoothstep

IRIS, PUPIL = 0.49, 0.185
"""Radii over the eyeball's: an iris of 11.8 mm on an eyeball of 24 mm (Forrester et al., The Eye)."""
_FIBRES = 70


def paint_eye(picture: np.ndarray, gloss: np.ndarray, atlas: Atlas, look: Look, rng: np.random.Generator) -> None:
    """Fill the eye's corner of the atlas."""
    offset = atlas.eye
    radius, turn = np.hypot(offset[..., 0], offset[..., 1]), np.arctan2(offset[..., 1], offset[..., 0])
    size = atlas.corner_texels
    softness = max(1.5 * (offset[0, 1, 0] - offset[0, 0, 0]), 0.012)

    white = to_linear((0.86, 0.83, 0.80)) * (1 + 0.02 * fractal(rng, (size, size), 30, 3))[..., None]
    veins = np.clip(fractal(rng, (size, size), 16, 3), 0, 2) * smoothstep(radius, 0.5, 1.0)
    white = white * np.exp(-veins[..., None] * np.array([0.02, 0.11, 0.10]))
    white = mix(white, to_linear((0.80, 0.56, 0.52)) * np.ones_like(white), 0.75 * smoothstep(radius, 0.72, 1.02))

    share = np.clip((radius - PUPIL) / (IRIS - PUPIL), 0, 1)
    colour = to_linear(look.face.iris)
    iris = mix(colour * 0.55, colour * 1.05, 0.5 + 0.5 * fibres(rng, turn, share))
    collarette = np.exp(-(((share - 0.30) / 0.14) ** 2))
    iris = mix(iris, to_linear((0.42, 0.28, 0.12)) * np.ones_like(iris), 0.30 * collarette * colour.mean() ** 0.25)
    iris = iris * (1 - 0.55 * smoothstep(share, 0.72, 1.0))[..., None]  # limbal ring
    # Light crosses the cornea and pools on the side away from it.
    iris = iris * (1.0 - 0.35 * offset[..., 1] / IRIS)[..., None]
    iris = mix(iris, np.full_like(iris, 0.004), 1 - smoothstep(radius, PUPIL - softness, PUPIL + softness))

    eye = mix(iris, white, smoothstep(radius, IRIS - 1.6 * softness, IRIS + 1.6 * softness))
    left, top = int(EYE_CORNER[0] * atlas.size), int(EYE_CORNER[1] * atlas.size)
    picture[top : top + size, left : left + size] = eye
    gloss[top : top + size, left : left + size] = 1.0


def fibres(rng: np.random.Generator, turn: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Radial streaks of the iris, about −1 … 1."""
    total = np.zeros_like(turn)
    for _ in range(14):
        count = rng.integers(_FIBRES // 4, _FIBRES)
        total += np.cos(count * turn + rng.uniform(0, 6.28) + rng.normal(0, 1.2) * share)
    return np.clip(total / 4.5, -1, 1)
