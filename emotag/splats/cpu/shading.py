"""Fill the channels that are composited (colour from spherical harmonics, depth, features), and their gradient."""

import math

import numpy as np
from numba import prange

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.layout import D_CHANNELS, REACH_X
from emotag.splats.spherical_harmonics import C0, C1, C2, C3

C2_0, C2_1, C2_2, C2_3, C2_4 = C2
C3_0, C3_1, C3_2, C3_3, C3_4, C3_5, C3_6 = C3


@kernel()
def _basis(x: float, y: float, z: float, count: int, out: np.ndarray) -> None:
    """Write the first `count` (1, 4, 9, 16) real spherical harmonics at a unit direction to `out` (16,)."""
    out[0] = C0
    if count > 1:
        out[1], out[2], out[3] = -C1 * y, C1 * z, -C1 * x
    if count > 4:
        out[4], out[5] = C2_0 * x * y, C2_1 * y * z
        out[6] = C2_2 * (2 * z * z - x * x - y * y)
        out[7], out[8] = C2_3 * x * z, C2_4 * (x * x - y * y)
    if count > 9:
        out[9] = C3_0 * y * (3 * x * x - y * y)
        out[10] = C3_1 * x * y * z
        out[11] = C3_2 * y * (4 * z * z - x * x - y * y)
        out[12] = C3_3 * z * (2 * z * z - 3 * x * x - 3 * y * y)
        out[13] = C3_4 * x * (4 * z * z - x * x - y * y)
        out[14] = C3_5 * z * (x * x - y * y)
        out[15] = C3_6 * x * (x * x - 3 * y * y)


@kernel()
def _basis_gradient(x: float, y: float, z: float, d: np.ndarray, count: int) -> tuple[float, float, float]:
    """Gradient of the direction from the gradient `d` (16,) of the basis."""
    d_x, d_y, d_z = -C1 * d[3], -C1 * d[1], C1 * d[2]
    if count > 4:
        d_x += C2_0 * y * d[4] - 2 * C2_2 * x * d[6] + C2_3 * z * d[7] + 2 * C2_4 * x * d[8]
        d_y += C2_0 * x * d[4] + C2_1 * z * d[5] - 2 * C2_2 * y * d[6] - 2 * C2_4 * y * d[8]
        d_z += C2_1 * y * d[5] + 4 * C2_2 * z * d[6] + C2_3 * x * d[7]
    if count > 9:
        xx, yy, zz, xy, yz, zx = x * x, y * y, z * z, x * y, y * z, z * x
        d_x += 6 * C3_0 * xy * d[9] + C3_1 * yz * d[10] - 2 * C3_2 * xy * d[11] - 6 * C3_3 * zx * d[12]
        d_x += C3_4 * (4 * zz - 3 * xx - yy) * d[13] + 2 * C3_5 * zx * d[14] + 3 * C3_6 * (xx - yy) * d[15]
        d_y += 3 * C3_0 * (xx - yy) * d[9] + C3_1 * zx * d[10] + C3_2 * (4 * zz - xx - 3 * yy) * d[11]
        d_y += -6 * C3_3 * yz * d[12] - 2 * C3_4 * xy * d[13] - 2 * C3_5 * yz * d[14] - 6 * C3_6 * xy * d[15]
        d_z += C3_1 * xy * d[10] + 8 * C3_2 * yz * d[11] + C3_3 * (6 * zz - 3 * xx - 3 * yy) * d[12]
        d_z += 8 * C3_4 * zx * d[13] + C3_5 * (xx - yy) * d[14]
    return d_x, d_y, d_z


@kernel()
def _direction(mean: np.ndarray, camera: np.ndarray) -> tuple[float, float, float, float]:
    """Unit vector from the camera to the splat, and 1/distance."""
    x, y, z = mean[0] - camera[0], mean[1] - camera[1], mean[2] - camera[2]
    inverse = 1.0 / math.sqrt(x * x + y * y + z * z)
    return x * inverse, y * inverse, z * inverse, inverse


@kernel(parallel=True)
def shade(
    means: np.ndarray,  # (B, N, 3) float32, metres
    sh: np.ndarray,  # (1 | B, N, K, 3) float32
    features: np.ndarray,  # (1 | B, N, F) float32; F may be 0
    camera: np.ndarray,  # (3,) float64, the camera's place in the world, metres
    with_depth: bool,
    workers: int,
    geometry: np.ndarray,  # (B, N, 8) float64
    depth: np.ndarray,  # (B, N) float32, metres
    channels: np.ndarray,  # out (B, N, 3 [+ 1] + F) float32: r, g, b, depth, features; written for visible splats only
) -> None:
    """Colour = max(0, SH(direction) + 0.5) as 3DGS, then depth, then features."""
    frames, splats, count, extra = means.shape[0], means.shape[1], sh.shape[2], features.shape[2]
    for worker in prange(workers):
        basis = np.zeros(16)
        for index in range(worker * frames * splats // workers, (worker + 1) * frames * splats // workers):
            frame, splat = index // splats, index % splats
            if geometry[frame, splat, REACH_X] == 0.0:
                continue
            coefficients = sh[frame if sh.shape[0] > 1 else 0, splat]
            out = channels[frame, splat]
            if count > 1:
                x, y, z, _ = _direction(means[frame, splat], camera)
                _basis(x, y, z, count, basis)
            else:
                basis[0] = C0
            for colour in range(3):
                value = 0.5
                for index_k in range(count):
                    value += basis[index_k] * coefficients[index_k, colour]
                out[colour] = 0.0 if value < 0.0 else value  # NaN stays NaN
            if with_depth:
                out[3] = depth[frame, splat]
            place = 4 if with_depth else 3
            shared = frame if features.shape[0] > 1 else 0
            for feature in range(extra):
                out[place + feature] = features[shared, splat, feature]


@kernel(parallel=True)
def shade_backward(
    means: np.ndarray,  # as in shade
    sh: np.ndarray,
    features: np.ndarray,
    camera: np.ndarray,
    with_depth: bool,
    workers: int,
    geometry: np.ndarray,
    channels: np.ndarray,  # (B, N, C) as shade wrote it
    first_slot: np.ndarray,  # (B, N) int64
    slot_count: np.ndarray,  # (B, N) int32
    slot_gradients: np.ndarray,  # (M, 6 + C) float32
    d_means: np.ndarray,  # out (B, N, 3) float32: the part through the viewing direction
    d_sh: np.ndarray,  # out, shape of sh
    d_features: np.ndarray,  # out, shape of features
    d_depth: np.ndarray,  # out (B, N) float32, or (0, 0) without depth
) -> None:
    """Sum each splat's channel gradients over the tiles that it met and give them to what the channels came from."""
    frames, splats, count, width = means.shape[0], means.shape[1], sh.shape[2], channels.shape[2]
    place = 4 if with_depth else 3
    for worker in prange(workers):
        basis, d_basis, d_channels = np.zeros(16), np.zeros(16), np.zeros(width)
        for splat in range(worker * splats // workers, (worker + 1) * splats // workers):
            d_sh[:, splat] = 0.0
            d_features[:, splat] = 0.0
            for frame in range(frames):
                d_means[frame, splat] = 0.0
                if with_depth:
                    d_depth[frame, splat] = 0.0
                if geometry[frame, splat, REACH_X] == 0.0:
                    continue
                d_channels[:] = 0.0
                start = first_slot[frame, splat]
                for slot in range(start, start + slot_count[frame, splat]):
                    for channel in range(width):
                        d_channels[channel] += slot_gradients[slot, D_CHANNELS + channel]
                for colour in range(3):
                    if channels[frame, splat, colour] == 0.0:  # clamped
                        d_channels[colour] = 0.0
                if with_depth:
                    d_depth[frame, splat] = d_channels[3]
                shared = frame if features.shape[0] > 1 else 0
                for feature in range(width - place):
                    d_features[shared, splat, feature] += d_channels[place + feature]

                shared = frame if sh.shape[0] > 1 else 0
                if count == 1:
                    for colour in range(3):
                        d_sh[shared, splat, 0, colour] += C0 * d_channels[colour]
                    continue
                x, y, z, inverse = _direction(means[frame, splat], camera)
                _basis(x, y, z, count, basis)
                for k in range(count):
                    d_basis[k] = 0.0
                    for colour in range(3):
                        d_sh[shared, splat, k, colour] += basis[k] * d_channels[colour]
                        d_basis[k] += sh[shared, splat, k, colour] * d_channels[colour]
                d_x, d_y, d_z = _basis_gradient(x, y, z, d_basis, count)
                radial = x * d_x + y * d_y + z * d_z
                d_means[frame, splat, 0] = (d_x - x * radial) * inverse
                d_means[frame, splat, 1] = (d_y - y * radial) * inverse
                d_means[frame, splat, 2] = (d_z - z * radial) * inverse
