"""What is behind the person, out of focus."""

import cv2
import numpy as np

from emotag.actors.look.colour import mix, to_linear, to_srgb
from emotag.actors.look.look import Background, Lens
from emotag.actors.look.noise import fractal


def paint_background(
    look: Background, lens: Lens, height: int, width: int, rng: np.random.Generator
) -> np.ndarray:  # (H, W, 3) float32 display values 0–255
    """Paint a still backdrop, vignetted and white-balanced."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    first, second = to_linear(look.colour), to_linear(look.second)
    plain = np.broadcast_to(first, (height, width, 3)).copy()
    if look.kind == "gradient":
        spot = np.exp(
            -(((columns - rng.uniform(0.35, 0.65)) / 0.55) ** 2) - ((rows - rng.uniform(0.2, 0.5)) / 0.5) ** 2
        )
        plain = mix(second * np.ones_like(plain), plain, spot)
    elif look.kind == "room":
        plain = _room(look, height, width, rng)
    elif look.kind == "lights":
        plain = _lights(look, height, width, rng)
    plain = plain * (1 + 0.03 * fractal(rng, (height, width), 0.35 * width, 3))[..., None]
    white = np.array([1 + 0.10 * lens.warmth, 1.0, 1 - 0.12 * lens.warmth])
    plain = plain * white * vignette(lens, height, width)[..., None]
    return np.clip(to_srgb(plain) * 255, 0, 255).astype(np.float32)


def vignette(lens: Lens, height: int, width: int) -> np.ndarray:  # (H, W) float32
    """Fall-off of light towards the corners."""
    rows, columns = np.mgrid[0:height, 0:width]
    half = max(height, width) / 2
    distance = ((rows + 0.5 - height / 2) ** 2 + (columns + 0.5 - width / 2) ** 2) / half**2
    return (1 - 0.16 * lens.vignette * distance).astype(np.float32)


def _room(look: Background, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A wall with a window, furniture and frames, blurred."""
    size = max(height, width)
    first, second = to_linear(look.colour), to_linear(look.second)
    wall = mix(first * np.ones((height, width, 3)), first * 0.75, np.linspace(0, 1, width)[None, :])
    for _ in range(rng.integers(4, 8)):
        across, down = rng.uniform(0.08, 0.35) * size, rng.uniform(0.10, 0.5) * size
        x, y = rng.uniform(-0.1, 1.0) * width, rng.uniform(0.0, 0.9) * height
        tint = mix(second, first, rng.uniform(0, 0.7)) * rng.uniform(0.5, 1.3) * rng.uniform(0.85, 1.15, 3)
        cv2.rectangle(wall, (int(x), int(y)), (int(x + across), int(y + down)), tint.tolist(), -1)
    if rng.random() < 0.6:
        x = (rng.uniform(-0.1, 0.12) if rng.random() < 0.5 else rng.uniform(0.78, 0.95)) * width
        bright = np.maximum(first, second) + 0.35 * look.contrast
        cv2.rectangle(wall, (int(x), int(0.02 * size)), (int(x + 0.2 * size), int(0.6 * size)), bright.tolist(), -1)
    blurred = _disc_blur(wall, 0.022 * size)
    return mix(first * np.ones_like(blurred), blurred, 0.35 + 0.5 * look.contrast)


def _lights(look: Background, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A dark place with lamps out of focus."""
    size = max(height, width)
    scene = mix(to_linear(look.second) * np.ones((height, width, 3)), to_linear(look.colour), np.linspace(0, 1, width))
    glow = np.zeros_like(scene)
    for _ in range(rng.integers(14, 30)):
        x, y = rng.uniform(0, width), rng.uniform(0, 0.85 * height)
        radius = rng.uniform(0.012, 0.035) * size
        tint = mix(np.array([1.0, 0.75, 0.45]), to_linear(look.colour), rng.uniform(0, 0.6)) * rng.uniform(0.05, 0.5)
        disc = np.zeros((height, width), np.float32)
        cv2.circle(disc, (int(x), int(y)), int(radius), 1.0, -1)
        glow += cv2.GaussianBlur(disc, (0, 0), 0.006 * size)[..., None] * tint
    return _disc_blur(scene, 0.03 * size) + look.contrast * glow


def _disc_blur(image: np.ndarray, radius: float) -> np.ndarray:
    """The blur of a lens: a disc, its rim softened."""
    side = 2 * int(radius) + 3
    kernel = np.zeros((side, side), np.float32)
    cv2.circle(kernel, (side // 2, side // 2), max(int(radius), 1), 1.0, -1)
    return cv2.GaussianBlur(cv2.filter2D(image, -1, kernel / kernel.sum()), (0, 0), max(0.5 * radius, 0.5))
