"""EWA projection of splats to the image, and its gradient (Zwicker et al. 2001; 3DGS; gsplat's classic mode).

Double precision inside: it is a small part of the time, and the conic of a long thin splat needs it.
"""

import math

import numpy as np
from numba import prange

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
    D_CENTRE_X,
    D_CENTRE_Y,
    D_CONIC_A,
    D_CONIC_B,
    D_CONIC_C,
    D_OPACITY,
    OPACITY,
    REACH_MARGIN,
    REACH_X,
    REACH_Y,
    TILE,
)


@kernel()
def _unit_quaternion(quaternion: np.ndarray) -> tuple[float, float, float, float, float]:
    """Normalise (w, x, y, z); the fifth number is 1/norm, or 0 for the zero quaternion, which means no rotation."""
    w, x, y, z = float(quaternion[0]), float(quaternion[1]), float(quaternion[2]), float(quaternion[3])
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if norm == 0.0:
        return 1.0, 0.0, 0.0, 0.0, 0.0
    inverse = 1.0 / norm
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@kernel()
def _rotation(w: float, x: float, y: float, z: float, out: np.ndarray) -> None:
    """Write the rotation matrix of a unit quaternion to `out` (3, 3)."""
    out[0, 0], out[0, 1], out[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)


@kernel()
def _camera_axes(view: np.ndarray, rotation: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    """Write the splat's three axes, scaled, in camera coordinates to `out` (3, 3): its covariance is out·outᵀ."""
    for row in range(3):
        for column in range(3):
            turned = (
                view[row, 0] * rotation[0, column]
                + view[row, 1] * rotation[1, column]
                + view[row, 2] * rotation[2, column]
            )
            out[row, column] = turned * float(scale[column])


@kernel()
def _clamped_slope(slope: float, focal: float, centre: float, size: float) -> float:
    """Keep x/z where the linearised projection makes sense: the image and a margin of 0.3 half images (3DGS)."""
    margin = CLAMP_MARGIN * 0.5 * size / focal
    return min(max(slope, -(centre / focal + margin)), (size - centre) / focal + margin)


@kernel()
def _jacobian(
    x: float, y: float, z: float, intrinsics: np.ndarray, width: int, height: int
) -> tuple[float, float, float, float]:
    """The four entries of the projection's Jacobian [[j0, 0, j2], [0, j4, j5]] at a point in camera coordinates."""
    focal_x, focal_y = intrinsics[0, 0], intrinsics[1, 1]
    slope_x = _clamped_slope(x / z, focal_x, intrinsics[0, 2], float(width))
    slope_y = _clamped_slope(y / z, focal_y, intrinsics[1, 2], float(height))
    return focal_x / z, -focal_x * slope_x / z, focal_y / z, -focal_y * slope_y / z


@kernel()
def _tiles_in_reach(centre: float, reach: float, size: int) -> int:
    """Count the tiles, along one axis, that hold a pixel centre within `reach` of `centre`."""
    reach += 2 * REACH_MARGIN  # more than the listing of tiles allows itself, so that it stays inside its room
    first = max(0.0, math.ceil(centre - reach - 0.5))
    last = min(size - 1.0, math.floor(centre + reach - 0.5))
    if not first <= last:
        return 0
    return int(last) // TILE - int(first) // TILE + 1


@kernel(parallel=True)
def project(
    means: np.ndarray,  # (B, N, 3) float32, metres
    quaternions: np.ndarray,  # (B, N, 4) float32
    scales: np.ndarray,  # (B, N, 3) float32, metres
    opacities: np.ndarray,  # (1 | B, N) float32
    view: np.ndarray,  # (4, 4) float64
    intrinsics: np.ndarray,  # (3, 3) float64, pixels
    width: int,
    height: int,
    near: float,  # metres
    workers: int,
    geometry: np.ndarray,  # out (B, N, 8) float64, see layout
    depth: np.ndarray,  # out (B, N) float32, metres
    bounds: np.ndarray,  # out (B, N) int64: tiles of the bounding box
) -> None:
    """Project every splat. One that is behind `near`, off screen, fainter than 1/255 or not finite is not visible."""
    frames, splats = means.shape[0], means.shape[1]
    for worker in prange(workers):
        rotation, axes = np.empty((3, 3)), np.empty((3, 3))
        for index in range(worker * frames * splats // workers, (worker + 1) * frames * splats // workers):
            frame, splat = index // splats, index % splats
            row = geometry[frame, splat]
            row[REACH_X] = 0.0
            bounds[frame, splat] = 0
            mean = means[frame, splat]
            opacity = opacities[frame if opacities.shape[0] > 1 else 0, splat]
            z = view[2, 0] * mean[0] + view[2, 1] * mean[1] + view[2, 2] * mean[2] + view[2, 3]
            depth[frame, splat] = z
            if not (z > near and opacity >= ALPHA_MIN):
                continue
            x = view[0, 0] * mean[0] + view[0, 1] * mean[1] + view[0, 2] * mean[2] + view[0, 3]
            y = view[1, 0] * mean[0] + view[1, 1] * mean[1] + view[1, 2] * mean[2] + view[1, 3]
            w, i, j, k, _ = _unit_quaternion(quaternions[frame, splat])
            _rotation(w, i, j, k, rotation)
            _camera_axes(view, rotation, scales[frame, splat], axes)
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
            # alpha = opacity · exp(-m²/2) falls under 1/255 at the Mahalanobis distance m with m² = 2 ln(255 opacity).
            square = 2.0 * math.log(max(1.0, opacity / ALPHA_MIN))
            reach_x, reach_y = math.sqrt(square * xx), math.sqrt(square * yy)
            if not (math.isfinite(determinant + centre_x + centre_y + reach_x + reach_y) and determinant > 0.0):
                continue
            tiles = _tiles_in_reach(centre_x, reach_x, width) * _tiles_in_reach(centre_y, reach_y, height)
            if tiles == 0:
                continue
            bounds[frame, splat] = tiles
            row[CENTRE_X], row[CENTRE_Y] = centre_x, centre_y
            row[CONIC_A], row[CONIC_B], row[CONIC_C] = yy / determinant, -xy / determinant, xx / determinant
            row[REACH_X], row[REACH_Y], row[OPACITY] = reach_x, reach_y, opacity


@kernel()
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


@kernel()
def _covariance_gradient(
    a: float, b: float, c: float, d_a: float, d_b: float, d_c: float
) -> tuple[float, float, float]:
    """Gradient of the 2D covariance (xx, half of xy, yy) from that of its inverse [[a, b], [b, c]]: −X·D·X."""
    half = 0.5 * d_b
    p, q = a * d_a + b * half, a * half + b * d_c
    r, s = b * d_a + c * half, b * half + c * d_c
    return -(p * a + q * b), -(p * b + q * c), -(r * b + s * c)


@kernel(parallel=True)
def project_backward(
    means: np.ndarray,  # as in project
    quaternions: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    view: np.ndarray,
    intrinsics: np.ndarray,
    width: int,
    height: int,
    workers: int,
    geometry: np.ndarray,  # (B, N, 8)
    first_slot: np.ndarray,  # (B, N) int64
    slot_count: np.ndarray,  # (B, N) int32
    slot_gradients: np.ndarray,  # (M, 6 + C) float32, see layout
    d_depth: np.ndarray,  # (B, N) float32, or (0, 0) where depth was not rendered
    d_means: np.ndarray,  # in and out (B, N, 3) float32: added to
    d_quaternions: np.ndarray,  # out (B, N, 4) float32
    d_scales: np.ndarray,  # out (B, N, 3) float32
    d_opacities: np.ndarray,  # out (1 | B, N) float32
) -> None:
    """Sum each splat's gradient over the tiles that it met and carry it back through the projection."""
    frames, splats = means.shape[0], means.shape[1]
    for worker in prange(workers):
        rotation, axes, d_axes, d_rotation = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
        for splat in range(worker * splats // workers, (worker + 1) * splats // workers):
            for frame in range(frames):
                shared = frame if opacities.shape[0] > 1 else 0
                if frame == shared:
                    d_opacities[shared, splat] = 0.0
                d_quaternions[frame, splat] = 0.0
                d_scales[frame, splat] = 0.0
                row = geometry[frame, splat]
                if row[REACH_X] == 0.0:
                    continue
                d_centre_x, d_centre_y, d_a, d_b, d_c, d_opacity = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                start = first_slot[frame, splat]
                for slot in range(start, start + slot_count[frame, splat]):
                    gradient = slot_gradients[slot]
                    d_centre_x += gradient[D_CENTRE_X]
                    d_centre_y += gradient[D_CENTRE_Y]
                    d_a += gradient[D_CONIC_A]
                    d_b += gradient[D_CONIC_B]
                    d_c += gradient[D_CONIC_C]
                    d_opacity += gradient[D_OPACITY]
                d_opacities[shared, splat] += d_opacity
                d_xx, d_xy, d_yy = _covariance_gradient(row[CONIC_A], row[CONIC_B], row[CONIC_C], d_a, d_b, d_c)

                mean = means[frame, splat]
                x = view[0, 0] * mean[0] + view[0, 1] * mean[1] + view[0, 2] * mean[2] + view[0, 3]
                y = view[1, 0] * mean[0] + view[1, 1] * mean[1] + view[1, 2] * mean[2] + view[1, 3]
                z = view[2, 0] * mean[0] + view[2, 1] * mean[1] + view[2, 2] * mean[2] + view[2, 3]
                w, i, j, k, inverse_norm = _unit_quaternion(quaternions[frame, splat])
                _rotation(w, i, j, k, rotation)
                _camera_axes(view, rotation, scales[frame, splat], axes)
                j0, j2, j4, j5 = _jacobian(x, y, z, intrinsics, width, height)

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
                    d_scale = 0.0
                    for line in range(3):
                        world = (
                            view[0, line] * d_axes[0, column]
                            + view[1, line] * d_axes[1, column]
                            + view[2, line] * d_axes[2, column]
                        )
                        d_scale += world * rotation[line, column]
                        d_rotation[line, column] = world * float(scales[frame, splat, column])
                    d_scales[frame, splat, column] = d_scale
                _quaternion_gradient(w, i, j, k, inverse_norm, d_rotation, d_quaternions[frame, splat])

                # j0 = f/z, j2 = −j0·slope; the slope has a gradient only where it is not clamped
                focal_x, focal_y = intrinsics[0, 0], intrinsics[1, 1]
                slope_x, slope_y = -j2 / j0, -j5 / j4
                d_x = focal_x / z * d_centre_x
                d_y = focal_y / z * d_centre_y
                d_z = -(x * d_x + y * d_y) / z
                d_z -= (d_j0 * j0 + d_j2 * j2 + d_j4 * j4 + d_j5 * j5) / z
                if _clamped_slope(x / z, focal_x, intrinsics[0, 2], float(width)) == x / z:
                    d_x -= d_j2 * j0 / z
                    d_z += d_j2 * j0 * slope_x / z
                if _clamped_slope(y / z, focal_y, intrinsics[1, 2], float(height)) == y / z:
                    d_y -= d_j5 * j4 / z
                    d_z += d_j5 * j4 * slope_y / z
                if d_depth.shape[0] > 0:
                    d_z += d_depth[frame, splat]
                for axis in range(3):
                    d_means[frame, splat, axis] += view[0, axis] * d_x + view[1, axis] * d_y + view[2, axis] * d_z
