"""Numba kernels: project, rasterise at four samples a pixel, vertex normals.

Sample grid: a picture of H × W pixels has 2H × 2W samples, one in each quarter of a pixel, placed as a rotated grid
(every sample of a pixel has its own row and its own column), so that edges near both axes get five levels of coverage.
In sample units the sample (row, column) lies at x = column + (0.75, 0.25)[row % 2], y = row + (0.25, 0.75)[column % 2].
"""

import numba
import numpy as np

from emotag.actors.look.kernel_options import INLINED, KERNEL

NOTHING = -1
"""In an identity buffer: no surface."""


@numba.njit(**KERNEL)
def project(vertices, focal, width, height, distance, out):  # type: ignore[no-untyped-def]
    """World (V, 3) metres → (V, 3): x, y in samples, 1 / depth; `focal` in pixels."""
    for i in range(vertices.shape[0]):
        near = np.float32(1.0) / (distance - vertices[i, 2])
        out[i, 0] = np.float32(2.0) * (focal * vertices[i, 0] * near) + width
        out[i, 1] = height - np.float32(2.0) * (focal * vertices[i, 1] * near)
        out[i, 2] = near


@numba.njit(**KERNEL)
def normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    """Area-weighted unit vertex normals."""
    out[:] = np.float32(0.0)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for i in range(out.shape[0]):
        scale = out[i, 0] * out[i, 0] + out[i, 1] * out[i, 1] + out[i, 2] * out[i, 2]
        scale = np.float32(1.0) / np.sqrt(scale + np.float32(1e-30))
        out[i, 0] *= scale
        out[i, 1] *= scale
        out[i, 2] *= scale


@numba.njit(**KERNEL)
def rasterize(points, faces, nearness, identity):  # type: ignore[no-untyped-def]
    """Write the nearest front face at every sample; `points` are (x, y in samples, nearness: larger is nearer).

    Nearness is interpolated linearly over the picture: 1 / depth in perspective, −depth when orthographic.
    """
    height, width = nearness.shape
    quarter, three = np.float32(0.25), np.float32(0.75)
    zero = np.float32(0.0)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by = points[b, 0] - ax, points[b, 1] - ay
        cx, cy = points[c, 0] - ax, points[c, 1] - ay
        area = bx * cy - cx * by
        if area >= zero:  # image y runs down, so a front face is clockwise in these coordinates
            continue
        left = max(int(np.ceil(min(zero, bx, cx) + ax - three)), 0)
        right = min(int(np.floor(max(zero, bx, cx) + ax - quarter)), width - 1)
        top = max(int(np.ceil(min(zero, by, cy) + ay - three)), 0)
        bottom = min(int(np.floor(max(zero, by, cy) + ay - quarter)), height - 1)
        if left > right or top > bottom:
            continue
        inverse = np.float32(1.0) / area
        b_x, b_y = cy * inverse, -cx * inverse  # weight of b = b_x · x + b_y · y, x and y from corner a
        c_x, c_y = -by * inverse, bx * inverse
        bz, cz = points[b, 2] - az, points[c, 2] - az
        a_x, a_y = -b_x - c_x, -b_y - c_y
        # Where a weight is zero along a row: solved once, so that no sample outside the triangle is looked at.
        b_cut = np.float32(1.0) / b_x if b_x != zero else zero
        c_cut = np.float32(1.0) / c_x if c_x != zero else zero
        a_cut = np.float32(1.0) / a_x if a_x != zero else zero
        slope = bz * b_x + cz * c_x
        for row in range(top, bottom + 1):
            x0 = (three if row % 2 == 0 else quarter) - ax
            for parity in range(2):  # the samples of even and of odd columns lie at different heights
                y = np.float32(row) - ay + (quarter if parity == 0 else three)
                b0, c0 = b_x * x0 + b_y * y, c_x * x0 + c_y * y
                a0 = np.float32(1.0) + a_x * x0 + a_y * y
                low, high = np.float32(left), np.float32(right)
                low, high = _clip(low, high, b0, b_x, b_cut)
                low, high = _clip(low, high, c0, c_x, c_cut)
                low, high = _clip(low, high, a0, a_x, a_cut)
                if low > high:
                    continue
                start = max(int(np.ceil(low)), left)
                start += (start + parity) & 1
                near = az + bz * b0 + cz * c0
                for column in range(start, min(int(np.floor(high)), right) + 1, 2):
                    here = near + slope * np.float32(column)
                    if here > nearness[row, column]:
                        nearness[row, column] = here
                        identity[row, column] = f


@numba.njit(**INLINED)
def _clip(low, high, at_zero, slope, inverse):  # type: ignore[no-untyped-def]
    """Cut an interval to where at_zero + slope · x is not negative; a hair more, so that edges leave no gap."""
    cut, hair = -at_zero * inverse, np.float32(1e-3)
    if slope > np.float32(0.0):
        low = max(low, cut - hair)
    elif slope < np.float32(0.0):
        high = min(high, cut + hair)
    elif at_zero < np.float32(0.0):
        high = low - np.float32(1.0)
    return low, high
