"""The light around an actor, prepared so that a pixel needs one look into a table for each kind of reflection.

A room is a gradient from ground to sky and a few spherical Gaussians (soft lamps). Diffuse light is its second-order
spherical-harmonic projection (Ramamoorthi & Hanrahan 2001), widened towards red for skin, where light that has entered
comes out beyond the terminator. Reflections are prefiltered over octahedral maps.
"""

from dataclasses import dataclass

import numpy as np

from emotag.actors.look.colour import luminance, to_linear
from emotag.actors.look.look import Lamp, Lens, Light

MATTE, WET, MIRROR = 0, 1, 2
"""Levels of the reflection tables: skin, lips and mouth, eyes."""
TABLE = 128
_SKIN_WRAP = (0.42, 0.20, 0.14)
"""How far round the terminator light reaches in skin, by channel."""
_LOBES = {MATTE: ((9.0, 0.55), (42.0, 0.45)), WET: ((60.0, 0.4), (350.0, 0.6))}
"""Concentration and share of the lobes of each level."""


@dataclass(frozen=True)
class Room:
    """Light in linear RGB, world axes (x to the image's right, y up, z to the camera)."""

    axes: np.ndarray  # (L, 3) unit, towards each lamp
    sharpness: np.ndarray  # (L,) concentration of each Gaussian
    power: np.ndarray  # (L, 3) radiance at its middle
    sky: np.ndarray  # (3,)
    ground: np.ndarray  # (3,)
    skin: np.ndarray  # (3, 9) float32 diffuse light on skin by normal, spherical harmonics
    matter: np.ndarray  # (3, 9) float32 on anything else
    mirrors: np.ndarray  # (3, TABLE, TABLE, 3) float32: MATTE, WET, MIRROR by reflected direction, octahedral

    def radiance(self, directions: np.ndarray, blur: float = np.inf) -> np.ndarray:  # (..., 3) -> (..., 3)
        """Light from a direction; `blur` is the concentration of a Gaussian to widen the lamps with."""
        total = self.ground + (self.sky - self.ground) * (0.5 + 0.5 * directions[..., 1:2])
        for axis, sharp, power in zip(self.axes, self.sharpness, self.power):
            wide = sharp if np.isinf(blur) else sharp * blur / (sharp + blur)
            total = total + np.exp(wide * (directions @ axis - 1))[..., None] * power * (wide / sharp)
        return total


def make_room(light: Light, lens: Lens) -> Room:
    """Set up the lamps, exposed so that a white card facing the camera and half the key reads `exposure`."""
    lamps = (light.key, light.fill, light.rim)
    axes = np.array([_direction(lamp) for lamp in lamps])
    sharpness = np.array([2.0 / np.radians(lamp.size) ** 2 for lamp in lamps])
    white = np.array([1 + 0.10 * lens.warmth, 1.0, 1 - 0.12 * lens.warmth])
    # A Gaussian's integral over the sphere is about 2π / sharpness; lamps are set by the light that they shed.
    power = np.array([lamp.power * to_linear(lamp.colour) * s / 2 for lamp, s in zip(lamps, sharpness)])
    sky, ground = to_linear(light.sky), to_linear(light.ground)
    bare = Room(axes, sharpness, power, sky, ground, np.zeros((3, 9)), np.zeros((3, 9)), np.zeros(0))
    matter = _harmonics(bare, (0.0, 0.0, 0.0))
    forward = np.array([0.0, 0.0, 1.0]) + axes[0]
    level = luminance(np.maximum(matter @ basis(forward / np.linalg.norm(forward)), 1e-6))
    gain = light.exposure / level * white
    lit = Room(axes, sharpness, power * gain, sky * gain, ground * gain, bare.skin, bare.matter, bare.mirrors)
    return Room(
        axes,
        sharpness,
        lit.power,
        lit.sky,
        lit.ground,
        _harmonics(lit, _SKIN_WRAP).astype(np.float32),
        _harmonics(lit, (0.0, 0.0, 0.0)).astype(np.float32),
        _mirrors(lit),
    )


def basis(normals: np.ndarray) -> np.ndarray:  # (..., 3) -> (..., 9)
    """Real spherical harmonics to the second order, without their constants' square roots folded apart."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    terms = (
        0.282095 * np.ones_like(x),
        0.488603 * y,
        0.488603 * z,
        0.488603 * x,
        1.092548 * x * y,
        1.092548 * y * z,
        0.315392 * (3 * z * z - 1),
        1.092548 * x * z,
        0.546274 * (x * x - y * y),
    )
    return np.stack(terms, axis=-1)


def polynomial(harmonics: np.ndarray) -> np.ndarray:  # (3, 9) -> (3, 9) float32
    """Turn coefficients of `basis` into those of 1, y, z, x, xy, yz, z², xz, x²−y²: what the kernels evaluate."""
    constants = np.array([0.282095, *[0.488603] * 3, 1.092548, 1.092548, 0.315392 * 3, 1.092548, 0.546274])
    out = harmonics * constants
    out[:, 0] -= 0.315392 * harmonics[:, 6]
    return out.astype(np.float32)


def octahedral(size: int) -> np.ndarray:  # (size, size, 3)
    """Directions of the texels of an octahedral map whose middle is +z."""
    span = np.linspace(-1, 1, size)
    u, v = np.meshgrid(span, span)
    z = 1 - np.abs(u) - np.abs(v)
    folded_u = np.where(z < 0, (1 - np.abs(v)) * np.where(u < 0, -1, 1), u)
    folded_v = np.where(z < 0, (1 - np.abs(u)) * np.where(v < 0, -1, 1), v)
    direction = np.stack((folded_u, folded_v, z), axis=-1)
    return direction / np.linalg.norm(direction, axis=-1, keepdims=True)


def sphere(count: int) -> np.ndarray:  # (count, 3)
    """Evenly spread directions (Fibonacci)."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    turn = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - z * z)
    return np.stack((flat * np.cos(turn), flat * np.sin(turn), z), axis=1)


def _direction(lamp: Lamp) -> np.ndarray:
    azimuth, elevation = np.radians(lamp.azimuth), np.radians(lamp.elevation)
    return np.array(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], dtype=np.float64
    )


def _harmonics(room: Room, wrap: tuple[float, ...]) -> np.ndarray:  # (3, 9)
    """Project the room and convolve it with a cosine lobe that reaches `wrap` beyond the horizon."""
    directions = sphere(4000)
    light = room.radiance(directions)
    projected = light.T @ basis(directions) * (4 * np.pi / len(directions))
    cosine = np.linspace(-1, 1, 2001)
    zonal = (np.ones_like(cosine), cosine, (3 * cosine**2 - 1) / 2)
    out = np.empty((3, 9))
    for channel in range(3):
        lobe = np.maximum(cosine + wrap[channel], 0) / (1 + wrap[channel])
        lobe /= np.trapezoid(lobe, cosine) * 2 * np.pi
        bands = [2 * np.pi * np.trapezoid(lobe * shape, cosine) for shape in zonal]
        out[channel] = projected[channel] * np.repeat(bands, (1, 3, 5))
    return out


def _mirrors(room: Room) -> np.ndarray:  # (3, TABLE, TABLE, 3) float32
    directions = octahedral(TABLE)
    tables = np.zeros((3, TABLE, TABLE, 3))
    for level, lobes in _LOBES.items():
        for sharp, share in lobes:
            tables[level] += share * room.radiance(directions, sharp)
    tables[MIRROR] = room.radiance(directions, 2000.0) * 0.6 + _windows(room, directions)
    return tables.astype(np.float32)


def _windows(room: Room, directions: np.ndarray) -> np.ndarray:  # (..., 3)
    """What an eye shows of the lamps: bright rectangles with soft edges."""
    total = np.zeros((*directions.shape[:-1], 3))
    up = np.array([0.0, 1.0, 0.0])
    for axis, sharp, power in zip(room.axes, room.sharpness, room.power):
        right = np.cross(up, axis)
        right /= np.linalg.norm(right)
        above = np.cross(axis, right)
        half = 0.8 / np.sqrt(sharp)
        ahead = directions @ axis
        edge = 0.03
        for side, extent in ((right, half), (above, 1.25 * half)):
            reach = np.abs(directions @ side)
            ahead = ahead * np.clip((extent + edge - reach) / (2 * edge), 0, 1)
        total += np.maximum(ahead, 0)[..., None] * power
    return total
