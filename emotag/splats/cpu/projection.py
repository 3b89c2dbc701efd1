"""EWA projection of splats to the image, and its gradient (Zwicker et al. 2001; 3DGS; gsplat's classic mode).

Double precision inside: it is a small part of the time, and the conic of a long thin splat needs it.
"""

import math

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.layout import (
    ALPHA_MIN,
    BLUR,
    CENTRE_X,
    CENTRE_Y,
    CLAMP_MARGIN,
    CONIC_A,
    CONIC_B,
    CONIC_C,
    OPACITY,
    REACH_MARGIN,
    REACH_X,
    REACH_Y,
    TILE,
)


@kernel
def _unit_quaternion(quaternion: np.ndarray) -> tuple[float, float, float, float, float]:
    """Normalise (w, x, y, z); the fifth number is 1/norm, or 0 for the zero quaternion, which means no rotation."""
    w, x, y, z = float(quaternion[0]), float(quaternion[1]), float(quaternion[2]), float(quaternion[3])
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if norm == 0.0:
        return 1.0, 0.0, 0.0, 0.0, 0.0
    inverse = 1.0 / norm
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@kernel
def _rotation(w: float, x: float, y: float, z: float, out: np.ndarray) -> None:
    """Write the rotation matrix of a unit quaternion to `out` (3, 3)."""
    out[0, 0], out[0, 1], out[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)


@kernel
def _to_camera(camera: np.ndarray, point: np.ndarray) -> tuple[float, float, float]:
    """A world point (3,) in camera coordinates, metres."""
    x, y, z = float(point[0]), float(point[1]), float(point[2])
    return (
        camera[0, 0] * x + camera[0, 1] * y + camera[0, 2] * z + camera[0, 3],
        camera[1, 0] * x + camera[1, 1] * y + camera[1, 2] * z + camera[1, 3],
        camera[2, 0] * x + camera[2, 1] * y + camera[2, 2] * z + camera[2, 3],
    )


@kernel
def _camera_axes(camera: np.ndarray, rotation: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    """Write the splat's three axes, scaled, in camera coordinates to `out` (3, 3): its covariance is out·outᵀ."""
    for row in range(3):
        for column in range(3):
            turned = (
                camera[row, 0] * rotation[0, column]
                + camera[row, 1] * rotation[1, column]
                + camera[row, 2] * rotation[2, column]
            )
            out[row, column] = turned * float(scale[column])


@kernel
def _clamped_slope(slope: float, focal: float, centre: float, size: float) -> float:
    """Keep x/z where the linearised projection makes sense: the image and a margin of 0.3 half images (3DGS)."""
    margin = CLAMP_MARGIN * 0.5 * size / focal
    return min(max(slope, -(centre / focal + margin)), (size - centre) / focal + margin)


@kernel
def _jacobian(
    x: float, y: float, z: float, intrinsics: np.ndarray, width: int, height: int
) -> tuple[float, float, float, float]:
    """The four entries of the projection's Jacobian [[j0, 0, j2], [0, j4, j5]] at a point in camera coordinates."""
    focal_x, focal_y = intrinsics[0, 0], intrinsics[1, 1]
    slope_x = _clamped_slope(x / z, focal_x, intrinsics[0, 2], float(width))
    slope_y = _clamped_slope(y / z, focal_y, intrinsics[1, 2], float(height))
    return focal_x / z, -focal_x * slope_x / z, focal_y / z, -focal_y * slope_y / z


@kernel
def _tiles_in_reach(centre: float, reach: float, size: int) -> int:
    """Count the tiles, along one axis, that hold a pixel centre within `reach` of `centre`."""
    reach += 2 * REACH_MARGIN  # more than the listing of tiles allows itself, so that it stays inside its room
    first = max(0.0, math.ceil(centre - reach - 0.5))
    last = min(size - 1.0, math.floor(centre + reach - 0.5))
    if not first <= last:
        return 0
    return int(last) // TILE - int(first) // TILE + 1


@kernel
def project_splat(
    mean: np.ndarray,  # (3,) float32, metres
    quaternion: np.ndarray,  # (4,) float32
    scale: np.ndarray,  # (3,) float32, metres
    opacity: np.float32,
    camera: np.ndarray,  # (4, 4) float64, world → camera
    intrinsics: np.ndarray,  # (3, 3) float64, pixels
    width: int,
    height: int,
    near: float,  # metres
    scratch: np.ndarray,  # (2, 3, 3) float64
    out: np.ndarray,  # (8,) float64: a row of the geometry
) -> tuple[float, int]:  # depth in metres, tiles of the bounding box; 0 tiles: not visible
    """Project one splat. It is not visible behind `near`, off screen, fainter than 1/255, or when it is not finite."""
    out[REACH_X] = 0.0
    x, y, z = _to_camera(camera, mean)
    if not (z > near and opacity >= ALPHA_MIN):
        return z, 0
    w, i, j, k, _ = _unit_quaternion(quaternion)
    rotation, axes = scratch[0], scratch[1]
    _rotation(w, i, j, k, rotation)
    _camera_axes(camera, rotation, scale, axes)
    j0, j2, j4, j5 = _jacobian(x, y, z, intrinsics, width, height)
    xx, xy, yy = BLUR, 0.0, BLUR
    for column in range(3):
        u = j0 * axes[0, column] + j2 * axes[2, column]
        v = j4 * axes[1, column] + j5 * axes[2, column]
        xx += u * u
        xy += u * v
        yy += v * v
    determinant = xx * yy - xy * xy
    centre_x = intrinsics[0, 0] * x / z + intrinsics[0, 2]
    centre_y = intrinsics[1, 1] * y / z + intrinsics[1, 2]
    # alpha = opacity · exp(−m²/2) falls under 1/255 at the Mahalanobis distance m with m² = 2 ln(255 opacity).
    square = 2.0 * math.log(opacity / ALPHA_MIN)
    reach_x, reach_y = math.sqrt(square * xx), math.sqrt(square * yy)
    if not (math.isfinite(determinant + centre_x + centre_y + reach_x + reach_y) and determinant > 0.0):
        return z, 0
    tiles = _tiles_in_reach(centre_x, reach_x, width) * _tiles_in_reach(centre_y, reach_y, height)
    if tiles > 0:
        out[CENTRE_X], out[CENTRE_Y] = centre_x, centre_y
        out[CONIC_A], out[CONIC_B], out[CONIC_C] = yy / determinant, -xy / determinant, xx / determinant
        out[REACH_X], out[REACH_Y], out[OPACITY] = reach_x, reach_y, opacity
    return z, tiles


@kernel
def _quaternion_gradient(
    w: float, x: float, y: float, z: float, inverse_norm: float, d: np.ndarray, out: np.ndarray
) -> None:
    """Turn the gradient `d` (3, 3) of the rotation matrix into that of the quaternion before it was normalised."""
    dw = 2 * (x * (d[2, 1] - d[1, 2]) + y * (d[0, 2] - d[2, 0]) + z * (d[1, 0] - d[0, 1]))
    dx = 2 * (w * (d[2, 1] - d[1, 2]) + y * (d[0, 1] + d[1, 0]) + z * (d[0, 2] + d[2, 0]) - 2 * x * (d[1, 1] + d[2, 2]))
    dy = 2 * (w * (d[0, 2] - d[2, 0]) + x * (d[0, 1] + d[1, 0]) + z * (d[1, 2] + d[2, 1]) - 2 * y * (d[0, 0] + d[2, 2]))
    dz = 2 * (w * (d[1, 0] - d[0, 1]) + x * (d[0, 2] + d[2, 0]) + y * (d[1, 2] + d[2, 1]) - 2 * z * (d[0, 0] + d[1, 1]))
    radial = w * dw + x * dx + y * dy + z * dz
    out[0] = (dw - w * radial) * inverse_norm
    out[1] = (dx - x * radial) * inverse_norm
    out[2] = (dy - y * radial) * inverse_norm
    out[3] = (dz - z * radial) * inverse_norm


@kernel
def _covariance_gradient(
    a: float, b: float, c: float, d_a: float, d_b: float, d_c: float
) -> tuple[float, float, float]:
    """Gradient of the 2D covariance (xx, half of xy, yy) from that of its inverse [[a, b], [b, c]]: −X·D·X."""
    half = 0.5 * d_b
    p, q = a * d_a + b * half, a * half + b * d_c
    r, s = b * d_a + c * half, b * half + c * d_c
    return -(p * a + q * b), -(p * b + q * c), -(r * b + s * c)


@kernel
def project_splat_backward(
    mean: np.ndarray,  # as in project_splat
    quaternion: np.ndarray,
    scale: np.ndarray,
    camera: np.ndarray,
    intrinsics: np.ndarray,
    width: int,
    height: int,
    scratch: np.ndarray,  # (4, 3, 3) float64
    geometry: np.ndarray,  # (8,) float64
    d_geometry: np.ndarray,  # (5,) float64: dL/d(centre x, y, conic a, b, c)
    d_depth: float,
    d_mean: np.ndarray,  # in and out (3,) float32: added to
    d_quaternion: np.ndarray,  # out (4,) float32
    d_scale: np.ndarray,  # out (3,) float32
) -> None:
    """Carry the gradient of one visible splat's projection back to its place, rotation and scale."""
    rotation, axes, d_axes, d_rotation = scratch[0], scratch[1], scratch[2], scratch[3]
    x, y, z = _to_camera(camera, mean)
    w, i, j, k, inverse_norm = _unit_quaternion(quaternion)
    _rotation(w, i, j, k, rotation)
    _camera_axes(camera, rotation, scale, axes)
    j0, j2, j4, j5 = _jacobian(x, y, z, intrinsics, width, height)
    d_xx, d_xy, d_yy = _covariance_gradient(
        geometry[CONIC_A], geometry[CONIC_B], geometry[CONIC_C], d_geometry[2], d_geometry[3], d_geometry[4]
    )
    # covariance = U·Uᵀ with U = J·axes, and the gradient of U is 2·D·U
    d_j0, d_j2, d_j4, d_j5 = 0.0, 0.0, 0.0, 0.0
    for column in range(3):
        u = j0 * axes[0, column] + j2 * axes[2, column]
        v = j4 * axes[1, column] + j5 * axes[2, column]
        d_u = 2 * (d_xx * u + d_xy * v)
        d_v = 2 * (d_xy * u + d_yy * v)
        d_axes[0, column] = j0 * d_u
        d_axes[1, column] = j4 * d_v
        d_axes[2, column] = j2 * d_u + j5 * d_v
        d_j0 += d_u * axes[0, column]
        d_j2 += d_u * axes[2, column]
        d_j4 += d_v * axes[1, column]
        d_j5 += d_v * axes[2, column]
    for column in range(3):
        total = 0.0
        for row in range(3):
            world = (
                camera[0, row] * d_axes[0, column]
                + camera[1, row] * d_axes[1, column]
                + camera[2, row] * d_axes[2, column]
            )
            total += world * rotation[row, column]
            d_rotation[row, column] = world * float(scale[column])
        d_scale[column] = total
    _quaternion_gradient(w, i, j, k, inverse_norm, d_rotation, d_quaternion)

    # j0 = f/z and j2 = −j0·slope; the slope x/z has a gradient only where it is not clamped
    d_x = j0 * d_geometry[0]
    d_y = j4 * d_geometry[1]
    d_z = d_depth - (x * d_x + y * d_y + d_j0 * j0 + d_j2 * j2 + d_j4 * j4 + d_j5 * j5) / z
    if _clamped_slope(x / z, intrinsics[0, 0], intrinsics[0, 2], float(width)) == x / z:
        d_x -= d_j2 * j0 / z
        d_z += d_j2 * j0 * (x / z) / z
    if _clamped_slope(y / z, intrinsics[1, 1], intrinsics[1, 2], float(height)) == y / z:
        d_y -= d_j5 * j4 / z
        d_z += d_j5 * j4 * (y / z) / z
    for axis in range(3):
        d_mean[axis] += camera[0, axis] * d_x + camera[1, axis] * d_y + camera[2, axis] * d_z
