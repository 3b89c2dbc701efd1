"""Numba kernels: hair as strands, drawn as lines into the sample buffers."""

import numba
import numpy as np

from emotag.actors.look.kernel_options import INLINED, KERNEL
from emotag.actors.look.shading_kernels import diffuse

f32 = np.float32


@numba.njit(**KERNEL)
def bind(vertices, faces, face, weights, root, frame, out):  # type: ignore[no-untyped-def]
    """Give each strand's transform rest → world (N, 3, 4), from the triangle that its root lies on.

    `frame` (N, 3, 3) holds the rest triangle's axes in rows; `root` (N, 3) the rest place of the root.
    """
    for i in range(face.shape[0]):
        a, b, c = vertices[faces[face[i], 0]], vertices[faces[face[i], 1]], vertices[faces[face[i], 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        scale = f32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-24))
        nx, ny, nz = nx * scale, ny * scale, nz * scale
        scale = f32(1.0) / np.sqrt(ux * ux + uy * uy + uz * uz + f32(1e-24))
        ux, uy, uz = ux * scale, uy * scale, uz * scale
        wx, wy, wz = ny * uz - nz * uy, nz * ux - nx * uz, nx * uy - ny * ux
        for r in range(3):
            u = ux if r == 0 else (uy if r == 1 else uz)
            w = wx if r == 0 else (wy if r == 1 else wz)
            n = nx if r == 0 else (ny if r == 1 else nz)
            place = weights[i, 0] * a[r] + weights[i, 1] * b[r] + weights[i, 2] * c[r]
            for k in range(3):
                out[i, r, k] = u * frame[i, 0, k] + w * frame[i, 1, k] + n * frame[i, 2, k]
            out[i, r, 3] = place - (out[i, r, 0] * root[i, 0] + out[i, r, 1] * root[i, 1] + out[i, r, 2] * root[i, 2])


@numba.njit(**KERNEL)
def draw_strands(  # type: ignore[no-untyped-def]
    points, normals, colours, widths, shown, views, transforms, light, lamps, powers, shine,
    focal, distance, first, nearness, identity, shaded,
):  # fmt: skip
    """Shade strands segment by segment and draw them where they are nearest.

    points, normals (N, K, 3), colours (N, K, 4) rest; widths (N, K) metres; shown (N, K) bits, of which one of `views`
    must be set; transforms (N, 3, 4), or (1, 3, 4) for all; lamps, powers (L, 3); shine scales both highlights (two
    lobes, Kajiya & Kay 1989). Segment s of strand i becomes identity first + i (K − 1) + s, and its colour and normal
    shaded[i (K − 1) + s].
    """
    height, width = nearness.shape
    count, knots = points.shape[0], points.shape[1]
    half_w, half_h = f32(0.5) * f32(width), f32(0.5) * f32(height)
    for i in range(count):
        t = i if transforms.shape[0] > 1 else 0
        m00, m01, m02, m03 = transforms[t, 0, 0], transforms[t, 0, 1], transforms[t, 0, 2], transforms[t, 0, 3]
        m10, m11, m12, m13 = transforms[t, 1, 0], transforms[t, 1, 1], transforms[t, 1, 2], transforms[t, 1, 3]
        m20, m21, m22, m23 = transforms[t, 2, 0], transforms[t, 2, 1], transforms[t, 2, 2], transforms[t, 2, 3]
        px, py, pz = f32(0.0), f32(0.0), f32(0.0)
        qx, qy, qn = f32(0.0), f32(0.0), f32(0.0)
        for k in range(knots):
            rx, ry, rz = points[i, k, 0], points[i, k, 1], points[i, k, 2]
            x = m00 * rx + m01 * ry + m02 * rz + m03
            y = m10 * rx + m11 * ry + m12 * rz + m13
            z = m20 * rx + m21 * ry + m22 * rz + m23
            near = f32(1.0) / (distance - z)
            sx = f32(2.0) * focal * x * near + half_w
            sy = half_h - f32(2.0) * focal * y * near
            if k > 0 and shown[i, k] & views:
                ox, oy, oz = normals[i, k, 0], normals[i, k, 1], normals[i, k, 2]
                nx = m00 * ox + m01 * oy + m02 * oz
                ny = m10 * ox + m11 * oy + m12 * oz
                nz = m20 * ox + m21 * oy + m22 * oz
                segment = i * (knots - 1) + k - 1
                middle = f32(0.5) * (qn + near)
                if (
                    _hidden(qx, qy, qn, nearness)
                    and _hidden(sx, sy, near, nearness)
                    and _hidden(f32(0.5) * (qx + sx), f32(0.5) * (qy + sy), middle, nearness)
                ):
                    px, py, pz = x, y, z
                    qx, qy, qn = sx, sy, near
                    continue
                thick = f32(2.0) * focal * near * widths[i, k]
                if _line(qx, qy, qn, sx, sy, near, thick, first + segment, nearness, identity, i * 7 + k):
                    tangent = (x - px, y - py, z - pz)
                    _shade(tangent, (nx, ny, nz), colours, i, k, light, lamps, powers, shine, shaded, segment)
            px, py, pz = x, y, z
            qx, qy, qn = sx, sy, near


@numba.njit(**INLINED)
def _hidden(x, y, near, nearness):  # type: ignore[no-untyped-def]
    """Whether something nearer has been drawn at a place; outside the picture everything is hidden."""
    column, row = int(x), int(y)
    if column < 0 or row < 0 or column >= nearness.shape[1] or row >= nearness.shape[0]:
        return True
    return nearness[row, column] > near


@numba.njit(**INLINED)
def _shade(tangent, normal, colours, i, k, light, lamps, powers, shine, shaded, segment):  # type: ignore[no-untyped-def]
    tx, ty, tz = tangent
    nx, ny, nz = normal
    scale = f32(1.0) / np.sqrt(tx * tx + ty * ty + tz * tz + f32(1e-20))
    tx, ty, tz = tx * scale, ty * scale, tz * scale
    # The normal across the strand, leaning outwards: strands are lit like the surface that they make up.
    along = f32(0.7) * (nx * tx + ny * ty + nz * tz)
    nx, ny, nz = nx - along * tx, ny - along * ty, nz - along * tz
    scale = f32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    red = diffuse(light, 1, 0, nx, ny, nz) * colours[i, k, 0]
    green = diffuse(light, 1, 1, nx, ny, nz) * colours[i, k, 1]
    blue = diffuse(light, 1, 2, nx, ny, nz) * colours[i, k, 2]
    bright = colours[i, k, 3] * shine
    for lamp in range(lamps.shape[0]):
        hx, hy, hz = lamps[lamp, 0], lamps[lamp, 1], lamps[lamp, 2]
        facing = min(max(nx * hx + ny * hy + nz * hz + f32(0.25), f32(0.0)), f32(1.0))
        if facing <= f32(0.0):
            continue
        hz += f32(1.0)
        scale = f32(1.0) / np.sqrt(hx * hx + hy * hy + hz * hz + f32(1e-6))
        across = (tx * hx + ty * hy + tz * hz) * scale
        white_across = across + f32(0.07)  # scales of the cuticle tilt the first highlight to the root
        tint_across = across - f32(0.10)
        white = max(f32(1.0) - white_across * white_across, f32(0.0))
        tint = max(f32(1.0) - tint_across * tint_across, f32(0.0))
        white, tint = white * white, tint * tint
        white, tint = white * white, tint * tint
        white, tint = white * white, tint * tint
        tint *= f32(1.3) * facing * bright
        white = white * white * white * white * f32(0.045) * facing * bright
        red += powers[lamp, 0] * (white + tint * colours[i, k, 0])
        green += powers[lamp, 1] * (white + tint * colours[i, k, 1])
        blue += powers[lamp, 2] * (white + tint * colours[i, k, 2])
    shaded[segment, 0], shaded[segment, 1], shaded[segment, 2] = red, green, blue
    shaded[segment, 3], shaded[segment, 4], shaded[segment, 5] = nx, ny, nz


@numba.njit(**INLINED)
def _line(x0, y0, n0, x1, y1, n1, thick, value, nearness, identity, salt):  # type: ignore[no-untyped-def]
    """Draw a line `thick` samples wide where it is nearest; tell whether any sample was."""
    height, width = nearness.shape
    dx, dy = x1 - x0, y1 - y0
    steep = abs(dy) > abs(dx)
    if steep:
        x0, y0, x1, y1 = y0, x0, y1, x1
        dx, dy = dy, dx
    if x1 < x0:
        x0, y0, n0, x1, y1, n1 = x1, y1, n1, x0, y0, n0
        dx, dy = -dx, -dy
    limit, across_limit = (height, width) if steep else (width, height)
    start, stop = max(int(np.ceil(x0 - f32(0.5))), 0), min(int(np.ceil(x1 - f32(0.5))), limit)
    if start >= stop:
        return False
    inverse = f32(1.0) / max(dx, f32(1e-6))
    slope, lean = dy * inverse, (n1 - n0) * inverse
    # A line `thick` samples wide covers more samples of a row when it runs diagonally.
    span = thick * np.sqrt(f32(1.0) + slope * slope)
    drawn = False
    for step in range(start, stop):
        ahead = f32(step) + f32(0.5) - x0
        y = y0 + slope * ahead
        near = n0 + lean * ahead
        low = int(np.floor(y - f32(0.5) * span + f32(0.5)))
        high = int(np.floor(y + f32(0.5) * span + f32(0.5)))
        if high <= low:
            # Thinner than a sample: some samples of it are drawn, by a fixed pattern.
            pattern = ((step * 73 + salt * 151) & 255) * f32(1.0 / 256.0)
            if pattern > span:
                continue
            low = int(np.floor(y))
            high = low + 1
        low, high = max(low, 0), min(high, across_limit)
        for across in range(low, high):
            if steep:
                if near > nearness[step, across]:
                    nearness[step, across] = near
                    identity[step, across] = value
                    drawn = True
            elif near > nearness[across, step]:
                nearness[across, step] = near
                identity[across, step] = value
                drawn = True
    return drawn
