"""Gradient of the compositing: each tile is gone through back to front (compositing.py says how the loops are built).

With weight w_k = alpha_k T_k, q_k = Σ_c colour_kc · dL/dimage_c and the suffix S_k = Σ_{j>k} w_j q_j:

    dL/dalpha_k = T_k q_k − (S_k − T_end · dL/dalpha_out) / (1 − alpha_k)

Back to front, S_k is a sum of positive weights and T_k comes from T_end by divisions; front to back it would be a
difference of nearly equal numbers behind opaque splats.
"""

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.compositing import (
    CHANNELS,
    FIXED_PLANES,
    LAST,
    ONE,
    PIXELS,
    PLANE,
    TRANSMITTANCE,
    WEIGHT,
    ZERO,
    X,
    Y,
    _pixel_centres,
    _rows,
    falloff,
)
from emotag.splats.cpu.dealing import take_turn
from emotag.splats.cpu.layout import (
    ALPHA_MAX,
    ALPHA_MIN,
    CENTRE_X,
    CENTRE_Y,
    CONIC_A,
    CONIC_B,
    CONIC_C,
    D_CENTRE_X,
    D_CENTRE_Y,
    D_CHANNELS,
    D_CONIC_A,
    D_CONIC_B,
    D_CONIC_C,
    D_OPACITY,
    OPACITY,
    REACH_Y,
    TILE,
)

SUFFIX = np.uint64(3 * PIXELS)  # S_k − T_end · dL/dalpha_out; in the place of the forward pass's SATURATED
DOT = CHANNELS  # q_k
D_IMAGE = np.uint64(7 * PIXELS)  # dL/dimage, one plane a channel

HALF = np.float32(0.5)


@kernel
def composite_backward(
    counter: np.ndarray,  # (1,) int64, see dealing
    geometry: np.ndarray,  # (B, N, 8) float64
    channels: np.ndarray,  # (B, N, C) float32
    tile_start: np.ndarray,  # (B · tiles + 1,) int64
    splat_of: np.ndarray,  # (M',) int32
    slot_of: np.ndarray,  # (M',) int32
    tile_order: np.ndarray,  # (B · tiles,) int64
    transmittance: np.ndarray,  # (B, H, W) float32, as composite wrote it
    last: np.ndarray,  # (B, H, W) float32
    d_image: np.ndarray,  # (B, H, W, C) float32
    d_alpha: np.ndarray,  # (B, H, W) float32
    slot_gradients: np.ndarray,  # out (M, 6 + C) float32, see layout
) -> None:
    """Write the gradient of each meeting of a splat with a tile to its slot."""
    _, height, width, count = d_image.shape
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    scratch = np.empty((FIXED_PLANES + 1 + count) * PIXELS, np.float32)
    _pixel_centres(scratch)
    while True:
        turn = take_turn(counter)
        if turn >= tile_order.size:
            break
        tile = tile_order[turn]
        start, end = tile_start[tile], tile_start[tile + 1]
        if start == end:
            continue
        frame = tile // (tiles_x * tiles_y)
        top = (tile // tiles_x % tiles_y) * TILE
        left = (tile % tiles_x) * TILE
        furthest = _load(scratch, transmittance[frame], last[frame], d_image[frame], d_alpha[frame], left, top)
        for place in range(start + furthest + 1, end):  # behind saturated pixels
            slot_gradients[slot_of[place]] = 0.0
        for number in range(furthest, -1, -1):
            splat, slot = splat_of[start + number], slot_of[start + number]
            _splat_gradient(
                scratch,
                geometry[frame, splat],
                channels[frame, splat],
                np.float32(number),
                left,
                top,
                slot_gradients[slot],
            )


@kernel
def _load(
    scratch: np.ndarray,
    transmittance: np.ndarray,  # (H, W)
    last: np.ndarray,  # (H, W)
    d_image: np.ndarray,  # (H, W, C)
    d_alpha: np.ndarray,  # (H, W)
    left: int,
    top: int,
) -> int:
    """Fill the planes of a tile; pixels outside the image take no splat. Gives the last splat that any pixel took."""
    height, width, count = d_image.shape
    scratch[2 * PIXELS : 3 * PIXELS] = 1.0
    scratch[4 * PIXELS : 5 * PIXELS] = -1.0
    scratch[3 * PIXELS : 4 * PIXELS] = 0.0
    scratch[7 * PIXELS :] = 0.0
    furthest = np.float32(-1)
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            pixel = np.uint64(row * TILE + column)
            y, x = top + row, left + column
            scratch[TRANSMITTANCE + pixel] = transmittance[y, x]
            scratch[SUFFIX + pixel] = -transmittance[y, x] * d_alpha[y, x]
            scratch[LAST + pixel] = last[y, x]
            furthest = max(furthest, last[y, x])
            for channel in range(count):
                scratch[D_IMAGE + np.uint64(channel) * PLANE + pixel] = d_image[y, x, channel]
    return int(furthest)


@kernel
def _splat_gradient(
    scratch: np.ndarray,
    geometry: np.ndarray,  # (8,)
    channels: np.ndarray,  # (C,)
    number: np.float32,
    left: int,
    top: int,
    out: np.ndarray,  # (6 + C,)
) -> None:
    """Gradient of one splat from the pixels of one tile; moves T and S of those pixels one splat to the front."""
    centre_x, centre_y = np.float32(geometry[CENTRE_X] - left), np.float32(geometry[CENTRE_Y] - top)
    a, c = np.float32(geometry[CONIC_A] / 16), np.float32(geometry[CONIC_C] / 16)
    b, opacity = np.float32(geometry[CONIC_B] / 8), np.float32(geometry[OPACITY])
    first, end = _rows(geometry[CENTRE_Y] - top, geometry[REACH_Y])
    count = channels.shape[0]
    value = channels[0]
    for pixel in range(first, end):
        scratch[DOT + pixel] = value * scratch[D_IMAGE + pixel]
    for channel in range(1, count):
        value = channels[channel]
        plane = D_IMAGE + np.uint64(channel) * PLANE
        for pixel in range(first, end):
            scratch[DOT + pixel] += value * scratch[plane + pixel]

    # Moments of dL/dsigma over the pixels, sigma being the exponent (a dx² + 2 b dx dy + c dy²)/2.
    m_1, m_x, m_y, m_xx, m_xy, m_yy = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for pixel in range(first, end):
        dx, dy = scratch[X + pixel] - centre_x, scratch[Y + pixel] - centre_y
        free_alpha = opacity * falloff(dx * (a * dx + b * dy) + c * dy * dy)
        alpha = min(ALPHA_MAX, free_alpha)
        taken = (alpha >= ALPHA_MIN) & (number <= scratch[LAST + pixel])
        after, suffix, dot = scratch[TRANSMITTANCE + pixel], scratch[SUFFIX + pixel], scratch[DOT + pixel]
        inverse = ONE / (ONE - alpha)
        before = after * inverse
        weight = alpha * before if taken else ZERO
        scratch[WEIGHT + pixel] = weight
        scratch[TRANSMITTANCE + pixel] = before if taken else after
        scratch[SUFFIX + pixel] = suffix + weight * dot
        d_sigma = alpha * (suffix * inverse - before * dot) if taken & (free_alpha <= ALPHA_MAX) else ZERO
        m_1 += d_sigma
        m_x += d_sigma * dx
        m_y += d_sigma * dy
        m_xx += d_sigma * dx * dx
        m_xy += d_sigma * dx * dy
        m_yy += d_sigma * dy * dy
    conic_a, conic_b, conic_c = (
        np.float32(geometry[CONIC_A]),
        np.float32(geometry[CONIC_B]),
        np.float32(geometry[CONIC_C]),
    )
    out[D_CENTRE_X] = -(conic_a * m_x + conic_b * m_y)
    out[D_CENTRE_Y] = -(conic_b * m_x + conic_c * m_y)
    out[D_CONIC_A], out[D_CONIC_B], out[D_CONIC_C] = HALF * m_xx, m_xy, HALF * m_yy
    out[D_OPACITY] = -m_1 / opacity
    for channel in range(count):
        plane = D_IMAGE + np.uint64(channel) * PLANE
        total = ZERO
        for pixel in range(first, end):
            total += scratch[WEIGHT + pixel] * scratch[plane + pixel]
        out[D_CHANNELS + channel] = total
