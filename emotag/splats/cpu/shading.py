"""A splat's colour from its spherical harmonics, and the gradient."""

import math

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.spherical_harmonics import C0, C1, C2, C3

C2_0, C2_1, C2_2, C2_3, C2_4 = C2
C3_0, C3_1, C3_2, C3_3, C3_4, C3_5, C3_6 = C3


@kernel
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


@kernel
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


@kernel
def _direction(mean: np.ndarray, place: np.ndarray) -> tuple[float, float, float, float]:
    """Unit vector from the camera to the splat, and 1/distance."""
    x, y, z = mean[0] - place[0], mean[1] - place[1], mean[2] - place[2]
    inverse = 1.0 / math.sqrt(x * x + y * y + z * z)
    return x * inverse, y * inverse, z * inverse, inverse


@kernel
def shade_splat(
    mean: np.ndarray,  # (3,) float32, metres
    sh: np.ndarray,  # (K, 3) float32
    place: np.ndarray,  # (3,) float64: the camera's, metres, world
    basis: np.ndarray,  # scratch (16,) float64
    out: np.ndarray,  # (3,) float32
) -> None:
    """Colour = max(0, SH(direction) + 0.5), as 3DGS."""
    count = sh.shape[0]
    if count > 1:
        x, y, z, _ = _direction(mean, place)
        _basis(x, y, z, count, basis)
    else:
        basis[0] = C0
    for channel in range(3):
        value = 0.5
        for k in range(count):
            value += basis[k] * sh[k, channel]
        out[channel] = 0.0 if value < 0.0 else value  # NaN stays NaN


@kernel
def shade_splat_backward(
    mean: np.ndarray,  # as in shade_splat
    sh: np.ndarray,
    place: np.ndarray,
    scratch: np.ndarray,  # (2, 16) float64
    d_colour: np.ndarray,  # (3,) float64, 0 where the colour was clamped
    d_mean: np.ndarray,  # in and out (3,) float32: added to
    d_sh: np.ndarray,  # in and out (K, 3) float32: added to
) -> None:
    """Carry the gradient of one splat's colour back to its coefficients and, for K > 1, to its place."""
    count = sh.shape[0]
    if count == 1:
        for channel in range(3):
            d_sh[0, channel] += C0 * d_colour[channel]
        return
    basis, d_basis = scratch[0], scratch[1]
    x, y, z, inverse = _direction(mean, place)
    _basis(x, y, z, count, basis)
    for k in range(count):
        d_basis[k] = 0.0
        for channel in range(3):
            d_sh[k, channel] += basis[k] * d_colour[channel]
            d_basis[k] += sh[k, channel] * d_colour[channel]
    d_x, d_y, d_z = _basis_gradient(x, y, z, d_basis, count)
    radial = x * d_x + y * d_y + z * d_z
    d_mean[0] += (d_x - x * radial) * inverse
    d_mean[1] += (d_y - y * radial) * inverse
    d_mean[2] += (d_z - z * radial) * inverse
