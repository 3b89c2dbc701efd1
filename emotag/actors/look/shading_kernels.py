"""Numba kernels: from the nearest surface at every sample to colours."""

from typing import NamedTuple

import numba
import numpy as np

from emotag.actors.look.anatomy import Material
from emotag.actors.look.colour import CURVE_RANGE, CURVE_STEPS
from emotag.actors.look.light import TABLE

_SKIN, _TORSO = int(Material.SKIN), int(Material.TORSO)
_LEFT_EYE, _RIGHT_EYE = int(Material.LEFT_EYE), int(Material.RIGHT_EYE)
_CURVE = np.float32(CURVE_STEPS / np.sqrt(CURVE_RANGE))
_SAME = np.float32(1.004)  # nearness of samples of one surface, larger over smaller
_REFLECTANCE = np.float32(0.030)  # of skin and water at normal incidence
_WET = np.float32(0.58)  # gloss above which a surface begins to be wet
RELIEF_LIMIT = 0.7
"""Largest slope the atlas stores."""
f32 = np.float32


class Canvas(NamedTuple):
    """What stays the same over a clip."""

    faces: np.ndarray  # (F, 3) int32
    corners: np.ndarray  # (F, 3, 2) float32 texels
    material: np.ndarray  # (F,) uint8
    texels: np.ndarray  # (H, W, 8) uint8: √RGB, gloss, slope x, y, z (128 is none), unused
    skin_light: np.ndarray  # (3, 9) float32 polynomial
    matter_light: np.ndarray  # (3, 9)
    mirrors: np.ndarray  # (3, N, N, 3)
    curve: np.ndarray  # (CURVE_STEPS + 1,)
    backdrop: np.ndarray  # (H, W, 3) float32 display values
    vignette: np.ndarray  # (H, W)
    focal: np.float32  # pixels


class Posed(NamedTuple):
    """What changes with a frame."""

    points: np.ndarray  # (V, 3) samples x, y, 1 / depth
    normals: np.ndarray  # (V, 3)
    shade: np.ndarray  # (V, 3) light left by shadows
    turns: np.ndarray  # (2, 3, 3) rest → world of head and torso
    eyes: np.ndarray  # (2, 3, 3) rest → world of the eyeballs
    lids: np.ndarray  # (2, 8) see emotag.actors.look.lids
    hair: np.ndarray  # (S, 3) linear colour of each segment of a strand


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def diffuse(light, channel, x, y, z):  # type: ignore[no-untyped-def]
    """Diffuse light by normal, never below a little."""
    c = light[channel]
    value = c[0] + c[1] * y + c[2] * z + c[3] * x + c[4] * x * y + c[5] * y * z + c[6] * z * z + c[7] * x * z
    return max(value + c[8] * (x * x - y * y), f32(0.002))


@numba.njit(cache=True, fastmath=True, nogil=True)
def mirror(table, x, y, z):  # type: ignore[no-untyped-def]
    """Look a direction up in an octahedral map, bilinearly."""
    scale = f32(1.0) / (abs(x) + abs(y) + abs(z))
    u, v = x * scale, y * scale
    if z < f32(0.0):
        u, v = (
            (f32(1.0) - abs(v)) * (f32(1.0) if u >= f32(0.0) else f32(-1.0)),
            (f32(1.0) - abs(u)) * (f32(1.0) if v >= f32(0.0) else f32(-1.0)),
        )
    column = (u + f32(1.0)) * f32(0.5 * (TABLE - 1))
    row = (v + f32(1.0)) * f32(0.5 * (TABLE - 1))
    c, r = min(int(column), TABLE - 2), min(int(row), TABLE - 2)
    s, t = column - f32(c), row - f32(r)
    w00, w01 = (f32(1.0) - s) * (f32(1.0) - t), s * (f32(1.0) - t)
    w10, w11 = (f32(1.0) - s) * t, s * t
    a, b, d, e = table[r, c], table[r, c + 1], table[r + 1, c], table[r + 1, c + 1]
    return (
        w00 * a[0] + w01 * b[0] + w10 * d[0] + w11 * e[0],
        w00 * a[1] + w01 * b[1] + w10 * d[1] + w11 * e[1],
        w00 * a[2] + w01 * b[2] + w10 * d[2] + w11 * e[2],
    )


@numba.njit(cache=True, fastmath=True, nogil=True)
def weights_at(points, a, b, c, x, y):  # type: ignore[no-untyped-def]
    """Perspective-correct barycentric weights of a face at a place in samples, and 1 / depth there."""
    bx, by = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    cx, cy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
    inverse = f32(1.0) / (bx * cy - cx * by)
    x, y = x - points[a, 0], y - points[a, 1]
    wb = min(max((cy * x - cx * y) * inverse, f32(0.0)), f32(1.0))
    wc = min(max((bx * y - by * x) * inverse, f32(0.0)), f32(1.0))
    wa = max(f32(1.0) - wb - wc, f32(0.0))
    wa, wb, wc = wa * points[a, 2], wb * points[b, 2], wc * points[c, 2]
    near = wa + wb + wc
    return wa / near, wb / near, wc / near, near


@numba.njit(cache=True, fastmath=True, nogil=True)
def shade_surface(canvas, posed, face, x, y):  # type: ignore[no-untyped-def]
    """Linear colour of a face of the mesh at a place in samples."""
    a, b, c = canvas.faces[face, 0], canvas.faces[face, 1], canvas.faces[face, 2]
    wa, wb, wc, _ = weights_at(posed.points, a, b, c, x, y)
    material = canvas.material[face]
    height, width = canvas.backdrop.shape[0], canvas.backdrop.shape[1]

    # Texture, bilinear.
    corner = canvas.corners[face]
    u = wa * corner[0, 0] + wb * corner[1, 0] + wc * corner[2, 0] - f32(0.5)
    v = wa * corner[0, 1] + wb * corner[1, 1] + wc * corner[2, 1] - f32(0.5)
    texels = canvas.texels
    column = min(max(int(u), 0), texels.shape[1] - 2)
    row = min(max(int(v), 0), texels.shape[0] - 2)
    s, t = min(max(u - f32(column), f32(0.0)), f32(1.0)), min(max(v - f32(row), f32(0.0)), f32(1.0))
    t00, t01, t10, t11 = (
        texels[row, column],
        texels[row, column + 1],
        texels[row + 1, column],
        texels[row + 1, column + 1],
    )
    w00, w01 = (f32(1.0) - s) * (f32(1.0) - t), s * (f32(1.0) - t)
    w10, w11 = (f32(1.0) - s) * t, s * t
    unit = f32(1.0 / 255.0)
    red = (w00 * t00[0] + w01 * t01[0] + w10 * t10[0] + w11 * t11[0]) * unit
    green = (w00 * t00[1] + w01 * t01[1] + w10 * t10[1] + w11 * t11[1]) * unit
    blue = (w00 * t00[2] + w01 * t01[2] + w10 * t10[2] + w11 * t11[2]) * unit
    gloss = (w00 * t00[3] + w01 * t01[3] + w10 * t10[3] + w11 * t11[3]) * unit
    red, green, blue = red * red, green * green, blue * blue

    # Towards the camera.
    vx = -(x * f32(0.5) - f32(0.5) * f32(width)) / canvas.focal
    vy = (y * f32(0.5) - f32(0.5) * f32(height)) / canvas.focal
    vz = f32(1.0) / np.sqrt(vx * vx + vy * vy + f32(1.0))
    vx, vy = vx * vz, vy * vz

    n = posed.normals
    nx = wa * n[a, 0] + wb * n[b, 0] + wc * n[c, 0]
    ny = wa * n[a, 1] + wb * n[b, 1] + wc * n[c, 1]
    nz = wa * n[a, 2] + wb * n[b, 2] + wc * n[c, 2]
    q = posed.shade
    dim_r = wa * q[a, 0] + wb * q[b, 0] + wc * q[c, 0]
    dim_g = wa * q[a, 1] + wb * q[b, 1] + wc * q[c, 1]
    dim_b = wa * q[a, 2] + wb * q[b, 2] + wc * q[c, 2]

    if material <= _TORSO:
        slope = f32(RELIEF_LIMIT / 127.0)
        dx = (w00 * t00[4] + w01 * t01[4] + w10 * t10[4] + w11 * t11[4] - f32(128.0)) * slope
        dy = (w00 * t00[5] + w01 * t01[5] + w10 * t10[5] + w11 * t11[5] - f32(128.0)) * slope
        dz = (w00 * t00[6] + w01 * t01[6] + w10 * t10[6] + w11 * t11[6] - f32(128.0)) * slope
        turn = posed.turns[material]
        nx += turn[0, 0] * dx + turn[0, 1] * dy + turn[0, 2] * dz
        ny += turn[1, 0] * dx + turn[1, 1] * dy + turn[1, 2] * dz
        nz += turn[2, 0] * dx + turn[2, 1] * dy + turn[2, 2] * dz
    scale = f32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
    nx, ny, nz = nx * scale, ny * scale, nz * scale

    light = canvas.skin_light if material <= _TORSO else canvas.matter_light
    table = 0
    if _LEFT_EYE <= material <= _RIGHT_EYE:
        table = 2
        side = int(material) - _LEFT_EYE
        dim_r = lid_shadow(posed.lids[side], x, y)
        dim_g, dim_b = dim_r, dim_r
        # The cornea bulges: near the eye's axis its normal leans outwards more than the ball's.
        turn = posed.eyes[side]
        right = nx * turn[0, 0] + ny * turn[1, 0] + nz * turn[2, 0]
        above = nx * turn[0, 1] + ny * turn[1, 1] + nz * turn[2, 1]
        off = (right * right + above * above) / f32(0.30)
        bulge = f32(0.55) * max(f32(1.0) - off * off, f32(0.0))
        mx = nx + bulge * (right * turn[0, 0] + above * turn[0, 1])
        my = ny + bulge * (right * turn[1, 0] + above * turn[1, 1])
        mz = nz + bulge * (right * turn[2, 0] + above * turn[2, 1])
        scale = f32(1.0) / np.sqrt(mx * mx + my * my + mz * mz)
        nx, ny, nz = mx * scale, my * scale, mz * scale

    red *= diffuse(light, 0, nx, ny, nz) * dim_r
    green *= diffuse(light, 1, nx, ny, nz) * dim_g
    blue *= diffuse(light, 2, nx, ny, nz) * dim_b

    facing = max(nx * vx + ny * vy + nz * vz, f32(0.0))
    rx = f32(2.0) * facing * nx - vx
    ry = f32(2.0) * facing * ny - vy
    rz = f32(2.0) * facing * nz - vz
    graze = f32(1.0) - facing
    graze2 = graze * graze
    strength = _REFLECTANCE + f32(0.55) * graze2 * graze2 * graze
    if table == 2:
        sr, sg, sb = mirror(canvas.mirrors[2], rx, ry, rz)
        strength = (f32(0.03) + f32(0.4) * graze2 * graze2 * graze) * dim_r
    else:
        wet = min(max((gloss - _WET) * f32(3.0), f32(0.0)), f32(1.0))
        sr, sg, sb = mirror(canvas.mirrors[0], rx, ry, rz)
        if wet > f32(0.0):
            wr, wg, wb_ = mirror(canvas.mirrors[1], rx, ry, rz)
            sr, sg, sb = sr + (wr - sr) * wet, sg + (wg - sg) * wet, sb + (wb_ - sb) * wet
        strength *= gloss * f32(1.8) * dim_g
    return red + sr * strength, green + sg * strength, blue + sb * strength


@numba.njit(cache=True, fastmath=True, nogil=True)
def lid_shadow(lid, x, y):  # type: ignore[no-untyped-def]
    """Light left on the eyeball under the upper lid and in the corners (emotag.actors.look.lids)."""
    px, py = x - lid[0], y - lid[1]
    along = px * lid[2] + py * lid[3]
    below = -px * lid[3] + py * lid[2]
    t = along * lid[4]
    inside = max(t * (f32(1.0) - t), f32(0.0))
    upper = (below - inside * (lid[5] + lid[6] * t)) * lid[4]
    lower = (inside * lid[7] - below) * lid[4]
    light = f32(0.30) + f32(0.70) * min(max(upper * f32(5.5), f32(0.0)), f32(1.0))
    light *= f32(0.78) + f32(0.22) * min(max(lower * f32(9.0), f32(0.0)), f32(1.0))
    return light * (f32(0.55) + f32(0.45) * min(inside * f32(8.0), f32(1.0)))


@numba.njit(cache=True, fastmath=True, nogil=True)
def resolve(canvas, posed, nearness, identity, noise, start, strength, out):  # type: ignore[no-untyped-def]
    """Shade every pixel: once where its four samples see one surface, by surface where they do not; add noise."""
    height, width = out.shape[0], out.shape[1]
    n_faces = canvas.faces.shape[0]
    ids = np.empty(4, np.int32)
    used = np.empty(4, np.bool_)
    place = start
    top = f32(CURVE_STEPS)
    for row in range(height):
        for column in range(width):
            hit = 0
            same = True
            low, high = f32(1e30), f32(0.0)
            for k in range(4):
                r, c = 2 * row + (k >> 1), 2 * column + (k & 1)
                found = identity[r, c]
                ids[k] = found
                if found >= 0:
                    hit += 1
                    low, high = min(low, nearness[r, c]), max(high, nearness[r, c])
                    if found >= n_faces:
                        same = False
                else:
                    same = False
            backdrop = canvas.backdrop[row, column]
            grain = noise[place] * strength
            red, green, blue = backdrop[0], backdrop[1], backdrop[2]
            if hit > 0:
                if same and high < low * _SAME:
                    first = canvas.material[ids[0]]
                    for k in range(1, 4):
                        same = same and canvas.material[ids[k]] == first
                else:
                    same = False
                if same:
                    x, y = f32(2 * column + 1), f32(2 * row + 1)
                    lr, lg, lb = shade_surface(canvas, posed, ids[0], x, y)
                else:
                    lr, lg, lb = f32(0.0), f32(0.0), f32(0.0)
                    for k in range(4):
                        used[k] = ids[k] < 0
                    for k in range(4):
                        if used[k]:
                            continue
                        if ids[k] >= n_faces:
                            colour = posed.hair[ids[k] - n_faces]
                            lr, lg, lb = lr + colour[0], lg + colour[1], lb + colour[2]
                            continue
                        near = nearness[2 * row + (k >> 1), 2 * column + (k & 1)]
                        count = f32(1.0)
                        for j in range(k + 1, 4):
                            if not used[j] and ids[j] < n_faces and canvas.material[ids[j]] == canvas.material[ids[k]]:
                                other = nearness[2 * row + (j >> 1), 2 * column + (j & 1)]
                                if max(near, other) < min(near, other) * _SAME:
                                    used[j] = True
                                    count += f32(1.0)
                        x = f32(2 * column + (k & 1)) + (f32(0.75) if k < 2 else f32(0.25))
                        y = f32(2 * row + (k >> 1)) + (f32(0.25) if k % 2 == 0 else f32(0.75))
                        sr, sg, sb = shade_surface(canvas, posed, ids[k], x, y)
                        lr, lg, lb = lr + sr * count, lg + sg * count, lb + sb * count
                    lr, lg, lb = lr / f32(hit), lg / f32(hit), lb / f32(hit)
                dark = canvas.vignette[row, column]
                share = f32(hit) * f32(0.25)
                lr = canvas.curve[int(min(np.sqrt(lr * dark) * _CURVE, top))]
                lg = canvas.curve[int(min(np.sqrt(lg * dark) * _CURVE, top))]
                lb = canvas.curve[int(min(np.sqrt(lb * dark) * _CURVE, top))]
                red += (lr - red) * share
                green += (lg - green) * share
                blue += (lb - blue) * share
            tint = noise[place + 1] * strength * f32(0.3)
            out[row, column, 0] = np.uint8(min(max(red + grain + tint + f32(0.5), f32(0.0)), f32(255.0)))
            out[row, column, 1] = np.uint8(min(max(green + grain + f32(0.5), f32(0.0)), f32(255.0)))
            out[row, column, 2] = np.uint8(min(max(blue + grain - tint + f32(0.5), f32(0.0)), f32(255.0)))
            place += 1
