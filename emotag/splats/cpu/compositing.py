"""Blend splats front to back into the image, tile by tile.

Written for the compiler's vectoriser: a tile's pixels lie in planes of one flat float32 array (constant distances
between planes prove that they do not overlap), loops run over whole rows of the tile without branches, and indices are
unsigned (a signed index costs numba a test for "counted from the end" at every access, which no vector loop survives).
"""

import math

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.dealing import take_turn
from emotag.splats.cpu.layout import (
    ALPHA_MAX,
    ALPHA_MIN,
    CENTRE_X,
    CENTRE_Y,
    CONIC_A,
    CONIC_B,
    CONIC_C,
    OPACITY,
    REACH_Y,
    TILE,
    TRANSMITTANCE_MIN,
)

PIXELS = TILE * TILE
PLANE = np.uint64(PIXELS)

# Planes of a tile's scratch memory, as offsets.
X, Y = np.uint64(0), np.uint64(PIXELS)  # pixel centres, in pixels from the tile's corner
TRANSMITTANCE = np.uint64(2 * PIXELS)  # still to be passed on; 0 once the pixel is saturated
SATURATED = np.uint64(3 * PIXELS)  # transmittance at which a pixel was stopped, else 0
LAST = np.uint64(4 * PIXELS)  # number, within the tile, of the last splat that the pixel took; −1 for none
WEIGHT = np.uint64(5 * PIXELS)  # of the current splat
CHANNELS = np.uint64(6 * PIXELS)  # one plane each
FIXED_PLANES = 6

ROW_STARTS = np.uint64(2 * PIXELS - TILE)
"""Bits that the number of a row's first pixel, or of the tile's end, can have. The mask changes no number: it shows the
compiler that indices neither overflow nor end within a row, which makes the loops a quarter faster."""

SATURATION_PERIOD = 16
"""After so many splats a tile looks whether all of its pixels are saturated."""

ZERO, ONE = np.float32(0), np.float32(1)

# exp(−8q) = p(q)^8 on the range in which alpha can reach 1/255; p is the minimax polynomial for the relative error on
# [0, 0.7] with p(0) = 1. The error of the power, 1.4e-6, is that of rounding. No exponent bits: it vectorises.
EXP_RANGE = np.float32(0.7)
EXP_1, EXP_2, EXP_3 = np.float32(-0.99999982227), np.float32(0.49999532975), np.float32(-0.16662503885)
EXP_4, EXP_5, EXP_6 = np.float32(0.041493216764), np.float32(-0.0079604809595), np.float32(0.00097964202620)


@kernel
def falloff(eighth: np.float32) -> np.float32:
    """exp(−8 · eighth) for `eighth` in [0, 0.7]; beyond, the value at 0.7, which is under 1/255."""
    q = min(EXP_RANGE, eighth)
    power = ONE + q * (EXP_1 + q * (EXP_2 + q * (EXP_3 + q * (EXP_4 + q * (EXP_5 + q * EXP_6)))))
    power *= power
    power *= power
    return power * power


@kernel
def _rows(centre: float, reach: float) -> tuple[np.uint64, np.uint64]:
    """Pixels [first, end) of the tile rows that a splat may touch; `centre` in pixels from the tile's upper edge."""
    first = max(0.0, math.ceil(centre - reach - 0.5))
    end = min(float(TILE), math.floor(centre + reach - 0.5) + 1.0)
    if end <= first:
        return np.uint64(0), np.uint64(0)
    return np.uint64(first * TILE) & ROW_STARTS, np.uint64(end * TILE) & ROW_STARTS


@kernel
def _pixel_centres(scratch: np.ndarray) -> None:
    """Fill the planes X and Y."""
    for row in range(TILE):
        for column in range(TILE):
            pixel = np.uint64(row * TILE + column)
            scratch[X + pixel] = column + 0.5
            scratch[Y + pixel] = row + 0.5


@kernel
def composite(
    counter: np.ndarray,  # (1,) int64, see dealing
    geometry: np.ndarray,  # (B, N, 8) float64
    channels: np.ndarray,  # (B, N, C) float32
    tile_start: np.ndarray,  # (B · tiles + 1,) int64
    splat_of: np.ndarray,  # (M',) int32
    tile_order: np.ndarray,  # (B · tiles,) int64, the fullest first
    image: np.ndarray,  # out (B, H, W, C) float32: sum of weight · channel
    transmittance: np.ndarray,  # out (B, H, W) float32: 1 − alpha
    last: np.ndarray,  # out (B, H, W) float32: see LAST (exact up to 2^24 splats a tile)
) -> None:
    """Composite all tiles of all frames. Skips alpha < 1/255; stops a pixel before its transmittance passes 1e-4."""
    _, height, width, count = image.shape
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    scratch = np.empty((FIXED_PLANES + count) * PIXELS, np.float32)
    _pixel_centres(scratch)
    while True:
        turn = take_turn(counter)
        if turn >= tile_order.size:
            break
        tile = tile_order[turn]
        frame = tile // (tiles_x * tiles_y)
        top = (tile // tiles_x % tiles_y) * TILE
        left = (tile % tiles_x) * TILE
        scratch[2 * PIXELS : 3 * PIXELS] = 1.0
        scratch[3 * PIXELS : 4 * PIXELS] = 0.0
        scratch[4 * PIXELS : 5 * PIXELS] = -1.0
        scratch[6 * PIXELS :] = 0.0
        start = tile_start[tile]
        for number in range(tile_start[tile + 1] - start):
            splat = splat_of[start + number]
            _add_splat(scratch, geometry[frame, splat], channels[frame, splat], np.float32(number), left, top)
            if number % SATURATION_PERIOD == SATURATION_PERIOD - 1:
                remaining = ZERO
                for index in range(PLANE):
                    remaining += scratch[TRANSMITTANCE + index]
                if remaining == ZERO:
                    break
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                pixel = np.uint64(row * TILE + column)
                y, x = top + row, left + column
                transmittance[frame, y, x] = scratch[TRANSMITTANCE + pixel] + scratch[SATURATED + pixel]
                last[frame, y, x] = scratch[LAST + pixel]
                for channel in range(count):
                    image[frame, y, x, channel] = scratch[CHANNELS + np.uint64(channel) * PLANE + pixel]


@kernel
def _add_splat(
    scratch: np.ndarray, geometry: np.ndarray, channels: np.ndarray, number: np.float32, left: int, top: int
) -> None:
    """Blend one splat over the pixels of a tile."""
    # The subtraction in double precision: within a tile, single precision is then exact enough.
    centre_x, centre_y = np.float32(geometry[CENTRE_X] - left), np.float32(geometry[CENTRE_Y] - top)
    a, c = np.float32(geometry[CONIC_A] / 16), np.float32(geometry[CONIC_C] / 16)
    b, opacity = np.float32(geometry[CONIC_B] / 8), np.float32(geometry[OPACITY])
    first, end = _rows(geometry[CENTRE_Y] - top, geometry[REACH_Y])
    for pixel in range(first, end):
        dx, dy = scratch[X + pixel] - centre_x, scratch[Y + pixel] - centre_y
        alpha = min(ALPHA_MAX, opacity * falloff(dx * (a * dx + b * dy) + c * dy * dy))
        before = scratch[TRANSMITTANCE + pixel]
        after = before * (ONE - alpha)
        hit = alpha >= ALPHA_MIN
        taken = hit & (after > TRANSMITTANCE_MIN)
        stopped = hit & (after <= TRANSMITTANCE_MIN)
        scratch[WEIGHT + pixel] = alpha * before if taken else ZERO
        scratch[SATURATED + pixel] += before if stopped else ZERO
        scratch[TRANSMITTANCE + pixel] = after if taken else (ZERO if stopped else before)
        scratch[LAST + pixel] = number if taken else scratch[LAST + pixel]
    for channel in range(channels.shape[0]):
        value = channels[channel]
        plane = CHANNELS + np.uint64(channel) * PLANE
        for pixel in range(first, end):
            scratch[plane + pixel] += value * scratch[WEIGHT + pixel]
