"""Sort splats into tiles, front to back.

A splat's meetings with tiles get consecutive *slots*, so that the backward pass can write one gradient row for each
meeting without locks and the splat can sum its own rows in a fixed order: the result does not depend on the threads.
"""

import math

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.dealing import take_turn
from emotag.splats.cpu.layout import (
    CENTRE_X,
    CENTRE_Y,
    CHUNK,
    CONIC_A,
    CONIC_B,
    CONIC_C,
    REACH_MARGIN,
    REACH_X,
    REACH_Y,
    TILE,
)

RADIX_BITS = 11
RADIX = 1 << RADIX_BITS


@kernel
def _row_span(geometry: np.ndarray, low: float, high: float, width: int) -> tuple[int, int]:
    """First and last pixel column whose centre may lie in the splat's ellipse for pixel centres y in [low, high].

    The ellipse is a x² + 2 b x y + c y² = m². Its right rim x(y) = (−b y + √((ac − b²)(reach_y² − y²)))/a is concave:
    its maximum over a band of rows is the overall one, y = −b/c · reach_x, moved into the band. The left mirrors it.
    """
    a, b, c = geometry[CONIC_A], geometry[CONIC_B], geometry[CONIC_C]
    reach_x, reach_y = geometry[REACH_X], geometry[REACH_Y]
    low, high = max(low - geometry[CENTRE_Y], -reach_y), min(high - geometry[CENTRE_Y], reach_y)
    determinant = max(0.0, a * c - b * b)
    lean = b / c * reach_x
    y = min(max(-lean, low), high)
    right = (math.sqrt(determinant * max(0.0, reach_y * reach_y - y * y)) - b * y) / a
    y = min(max(lean, low), high)
    left = (-math.sqrt(determinant * max(0.0, reach_y * reach_y - y * y)) - b * y) / a
    left, right = max(left, -reach_x), min(right, reach_x)  # a needle's determinant rounds
    first = math.ceil(max(0.0, geometry[CENTRE_X] + left - 0.5 - REACH_MARGIN))
    last = math.floor(min(width - 1.0, geometry[CENTRE_X] + right - 0.5 + REACH_MARGIN))
    return int(first), int(last)


@kernel
def list_tiles(
    counter: np.ndarray,  # (1,) int64, see dealing
    geometry: np.ndarray,  # (B, N, 8) float64
    first_slot: np.ndarray,  # (B, N) int64: where a splat's slots begin; the room is that of its bounding box
    width: int,
    height: int,
    tile_of_slot: np.ndarray,  # out (M,) int32, tile within the frame
    slot_count: np.ndarray,  # out (B, N) int32
) -> None:
    """Write, for each visible splat, the tiles that its ellipse (alpha >= 1/255) meets."""
    frames, splats = geometry.shape[0], geometry.shape[1]
    tiles_x = (width + TILE - 1) // TILE
    start = take_turn(counter) * CHUNK
    while start < frames * splats:
        for index in range(start, min(start + CHUNK, frames * splats)):
            frame, splat = index // splats, index % splats
            row, slot = geometry[frame, splat], first_slot[frame, splat]
            if row[REACH_X] == 0.0:
                slot_count[frame, splat] = 0
            else:
                slot_count[frame, splat] = _list_splat(row, width, height, tiles_x, tile_of_slot[slot:])
        start = take_turn(counter) * CHUNK


@kernel
def _list_splat(geometry: np.ndarray, width: int, height: int, tiles_x: int, out: np.ndarray) -> int:
    """Write the tiles that a splat meets to the start of `out` and give their number."""
    top = int(max(0.0, math.ceil(geometry[CENTRE_Y] - geometry[REACH_Y] - 0.5)))
    bottom = int(min(height - 1.0, math.floor(geometry[CENTRE_Y] + geometry[REACH_Y] - 0.5)))
    count = 0
    if top > bottom:
        return count
    for band in range(top // TILE, bottom // TILE + 1):
        low, high = max(band * TILE, top) + 0.5, min(band * TILE + TILE - 1, bottom) + 0.5
        first, last = _row_span(geometry, low, high, width)
        if first <= last:
            for column in range(first // TILE, last // TILE + 1):
                out[count] = band * tiles_x + column
                count += 1
    return count


@kernel
def _depth_order(keys: np.ndarray, order: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """Stable radix sort of `order` (V,) int32 by `keys[order]` uint32; `spare` is as long as `order`."""
    for digit in range(3):
        shift = np.uint32(digit * RADIX_BITS)
        starts = np.zeros(RADIX + 1, np.int64)
        for item in order:
            starts[((keys[item] >> shift) & np.uint32(RADIX - 1)) + 1] += 1
        for value in range(RADIX):
            starts[value + 1] += starts[value]
        for item in order:
            value = (keys[item] >> shift) & np.uint32(RADIX - 1)
            spare[starts[value]] = item
            starts[value] += 1
        order, spare = spare, order
    return order


@kernel
def sort_into_tiles(
    counter: np.ndarray,  # (1,) int64, see dealing; a turn is a frame
    depth_bits: np.ndarray,  # (B, N) uint32: the bits of a positive float32 sort as the number does
    first_slot: np.ndarray,  # (B, N) int64
    slot_count: np.ndarray,  # (B, N) int32
    tile_of_slot: np.ndarray,  # (M,) int32
    frame_start: np.ndarray,  # (B + 1,) int64: where a frame's meetings begin
    tile_start: np.ndarray,  # out (B · tiles + 1,) int64
    splat_of: np.ndarray,  # out (M',) int32: splats by tile, in each front to back
    slot_of: np.ndarray,  # out (M',) int32
) -> None:
    """Counting sort of the slots by tile, of splats taken in the order of depth."""
    frames, splats = depth_bits.shape
    tiles = (tile_start.shape[0] - 1) // frames
    tile_start[frames * tiles] = frame_start[frames]
    while True:
        frame = take_turn(counter)
        if frame >= frames:
            break
        counts, starts = slot_count[frame], first_slot[frame]
        visible = np.empty(splats, np.int32)
        used = 0
        cursor = np.zeros(tiles, np.int64)
        for splat in range(splats):
            if counts[splat] > 0:
                visible[used] = splat
                used += 1
                for slot in range(starts[splat], starts[splat] + counts[splat]):
                    cursor[tile_of_slot[slot]] += 1
        place = frame_start[frame]
        for tile in range(tiles):
            tile_start[frame * tiles + tile] = place
            place += cursor[tile]
            cursor[tile] = place - cursor[tile]
        order = _depth_order(depth_bits[frame], visible[:used], np.empty(used, np.int32))
        for splat in order:
            for slot in range(starts[splat], starts[splat] + counts[splat]):
                place = cursor[tile_of_slot[slot]]
                cursor[tile_of_slot[slot]] = place + 1
                splat_of[place] = splat
                slot_of[place] = slot
