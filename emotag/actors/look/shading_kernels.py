"""Numba kernels: from the nearest surface at every sample to colours."""

from typing import NamedTuple

import numba
import numpy as np

from emotag.actors.look.anatomy import Material
from emotag.actors.look.colour import CURVE_RANGE, CURVE_STEPS
from emotag.actors.look.kernel_options import INLINED, KERNEL
from emotag.actors.look.light import TABLE

_SKIN, _TORSO = int(Material.SKIN), int(Material.TORSO)
_LEFT_EYE, _RIGHT_EYE = int(Material.LEFT_EYE), int(Material.RIGHT_EYE)
_CURVE = np.float32(CURVE_STEPS / np.sqrt(CURVE_RANGE))
SAME = np.float32(1.004)  # nearness of samples of one surface, larger over smaller
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
    light: np.ndarray  # (2, 3, 9) float32 polynomials: on skin, on anything else
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
    hair: np.ndarray  # (S, 6) linear colour and normal of each segment of a strand


@numba.njit(**INLINED)
def diffuse(light, kind, channel, x, y, z):  # type: ignore[no-untyped-def]
    """Diffuse light by normal, never below a little."""
    value = (
        light[kind, channel, 0]
        + light[kind, channel, 1] * y
        + light[kind, channel, 2] * z
        + light[kind, channel, 3] * x
    )
    value += light[kind, channel, 4] * x * y + light[kind, channel, 5] * y * z + light[kind, channel, 6] * z * z
    return max(value + light[kind, channel, 7] * x * z + light[kind, channel, 8] * (x * x - y * y), f32(0.002))


@numba.njit(**INLINED)
def mirror(tables, level, x, y, z):  # type: ignore[no-untyped-def]
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
    red = w00 * tables[level, r, c, 0] + w01 * tables[level, r, c + 1, 0]
    green = w00 * tables[level, r, c, 1] + w01 * tables[level, r, c + 1, 1]
    blue = w00 * tables[level, r, c, 2] + w01 * tables[level, r, c + 1, 2]
    red += w10 * tables[level, r + 1, c, 0] + w11 * tables[level, r + 1, c + 1, 0]
    green += w10 * tables[level, r + 1, c, 1] + w11 * tables[level, r + 1, c + 1, 1]
    blue += w10 * tables[level, r + 1, c, 2] + w11 * tables[level, r + 1, c + 1, 2]
    return red, green, blue


@numba.njit(**INLINED)
def fetch(texels, row, column, channel, w00, w01, w10, w11):  # type: ignore[no-untyped-def]
    """Blend one channel of four texels."""
    above = w00 * f32(texels[row, column, channel]) + w01 * f32(texels[row, column + 1, channel])
    below = w10 * f32(texels[row + 1, column, channel]) + w11 * f32(texels[row + 1, column + 1, channel])
    return above + below


@numba.njit(**INLINED)
def weights_at(points, a, b, c, x, y):  # type: ignore[no-untyped-def]
    """Perspective-correct barycentric weights of a face at a place in samples, and 1 / depth there."""
    bx, by = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    cx, cy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
    inverse = f32(1.0) / (bx * cy - cx * by)
    x, y = x - points[a, 0], y - points[a, 1]
    wb = min(max((cy * x - cx * y) * inverse, f32(0.0)), f32(1.0))
    wc = min(max((bx * y - by * x) * inverse, f32(0.0)), f32(1.0))
    wa = max(f32(1.0) - wb - wc, f32(0.0))
    total = wa + wb + wc  # above 1 where a place beside a narrow face was clamped onto it
    wa, wb, wc = wa * points[a, 2], wb * points[b, 2], wc * points[c, 2]
    near = wa + wb + wc
    return wa / near, wb / near, wc / near, near / total


@numba.njit(**INLINED)
def shade_surface(canvas, posed, face, x, y):  # type: ignore[no-untyped-def]
    """Linear colour of a face of the mesh at a place in samples."""
    a, b, c = canvas.faces[face, 0], canvas.faces[face, 1], canvas.faces[face, 2]
    wa, wb, wc, _ = weights_at(posed.points, a, b, c, x, y)
    material = canvas.material[face]
    height, width = canvas.backdrop.shape[0], canvas.backdrop.shape[1]

    # Texture, bilinear.
    corners, mirrors = canvas.corners, canvas.mirrors
    u = wa * corners[face, 0, 0] + wb * corners[face, 1, 0] + wc * corners[face, 2, 0] - f32(0.5)
    v = wa * corners[face, 0, 1] + wb * corners[face, 1, 1] + wc * corners[face, 2, 1] - f32(0.5)
    texels = canvas.texels
    column = min(max(int(u), 0), texels.shape[1] - 2)
    row = min(max(int(v), 0), texels.shape[0] - 2)
    s, t = min(max(u - f32(column), f32(0.0)), f32(1.0)), min(max(v - f32(row), f32(0.0)), f32(1.0))
    w00, w01 = (f32(1.0) - s) * (f32(1.0) - t), s * (f32(1.0) - t)
    w10, w11 = (f32(1.0) - s) * t, s * t
    unit = f32(1.0 / 255.0)
    red = (fetch(texels, row, column, 0, w00, w01, w10, w11)) * unit
    green = (fetch(texels, row, column, 1, w00, w01, w10, w11)) * unit
    blue = (fetch(texels, row, column, 2, w00, w01, w10, w11)) * unit
    gloss = (fetch(texels, row, column, 3, w00, w01, w10, w11)) * unit
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
        dx = (fetch(texels, row, column, 4, w00, w01, w10, w11) - f32(128.0)) * slope
        dy = (fetch(texels, row, column, 5, w00, w01, w10, w11) - f32(128.0)) * slope
        dz = (fetch(texels, row, column, 6, w00, w01, w10, w11) - f32(128.0)) * slope
        turns = posed.turns
        nx += turns[material, 0, 0] * dx + turns[material, 0, 1] * dy + turns[material, 0, 2] * dz
        ny += turns[material, 1, 0] * dx + turns[material, 1, 1] * dy + turns[material, 1, 2] * dz
        nz += turns[material, 2, 0] * dx + turns[material, 2, 1] * dy + turns[material, 2, 2] * dz
    scale = f32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
    nx, ny, nz = nx * scale, ny * scale, nz * scale

    light = canvas.light
    kind = 0 if material == _SKIN else 1
    table = 0
    if _LEFT_EYE <= material <= _RIGHT_EYE:
        table = 2
        side = int(material) - _LEFT_EYE
        dim_r = lid_shadow(posed.lids, side, x, y)
        dim_g, dim_b = dim_r, dim_r
        # The cornea bulges: near the eye's axis its normal leans outwards more than the ball's.
        eyes = posed.eyes
        right = nx * eyes[side, 0, 0] + ny * eyes[side, 1, 0] + nz * eyes[side, 2, 0]
        above = nx * eyes[side, 0, 1] + ny * eyes[side, 1, 1] + nz * eyes[side, 2, 1]
        off = (right * right + above * above) / f32(0.30)
        bulge = f32(0.55) * max(f32(1.0) - off * off, f32(0.0))
        mx = nx + bulge * (right * eyes[side, 0, 0] + above * eyes[side, 0, 1])
        my = ny + bulge * (right * eyes[side, 1, 0] + above * eyes[side, 1, 1])
        mz = nz + bulge * (right * eyes[side, 2, 0] + above * eyes[side, 2, 1])
        scale = f32(1.0) / np.sqrt(mx * mx + my * my + mz * mz)
        nx, ny, nz = mx * scale, my * scale, mz * scale

    red *= diffuse(light, kind, 0, nx, ny, nz) * dim_r
    green *= diffuse(light, kind, 1, nx, ny, nz) * dim_g
    blue *= diffuse(light, kind, 2, nx, ny, nz) * dim_b

    facing = max(nx * vx + ny * vy + nz * vz, f32(0.0))
    rx = f32(2.0) * facing * nx - vx
    ry = f32(2.0) * facing * ny - vy
    rz = f32(2.0) * facing * nz - vz
    graze = f32(1.0) - facing
    graze2 = graze * graze
    strength = _REFLECTANCE + f32(0.40) * graze2 * graze2 * graze
    if table == 2:
        sr, sg, sb = mirror(mirrors, 2, rx, ry, rz)
        strength = (f32(0.03) + f32(0.4) * graze2 * graze2 * graze) * dim_r
    else:
        wet = min(max((gloss - _WET) * f32(3.0), f32(0.0)), f32(1.0))
        sr, sg, sb = mirror(mirrors, 0, rx, ry, rz)
        if wet > f32(0.0):
            wr, wg, wb_ = mirror(mirrors, 1, rx, ry, rz)
            sr, sg, sb = sr + (wr - sr) * wet, sg + (wg - sg) * wet, sb + (wb_ - sb) * wet
        strength *= gloss * f32(1.8) * dim_g
    return red + sr * strength, green + sg * strength, blue + sb * strength


@numba.njit(**INLINED)
def lid_shadow(lids, side, x, y):  # type: ignore[no-untyped-def]
    """Light left on the eyeball under the upper lid and in the corners (emotag.actors.look.lids)."""
    px, py = x - lids[side, 0], y - lids[side, 1]
    along = px * lids[side, 2] + py * lids[side, 3]
    below = -px * lids[side, 3] + py * lids[side, 2]
    t = along * lids[side, 4]
    inside = max(t * (f32(1.0) - t), f32(0.0))
    upper = (below - inside * (lids[side, 5] + lids[side, 6] * t)) * lids[side, 4]
    lower = (inside * lids[side, 7] - below) * lids[side, 4]
    light = f32(0.30) + f32(0.70) * min(max(upper * f32(5.5), f32(0.0)), f32(1.0))
    light *= f32(0.78) + f32(0.22) * min(max(lower * f32(9.0), f32(0.0)), f32(1.0))
    return light * (f32(0.55) + f32(0.45) * min(inside * f32(8.0), f32(1.0)))


@numba.njit(**KERNEL)
def resolve(canvas, posed, nearness, identity, ids, used, out):  # type: ignore[no-untyped-def]
    """Shade every pixel, as display values: once where its samples see one surface, by surface where they do not."""
    height, width = out.shape[0], out.shape[1]
    n_faces = canvas.faces.shape[0]
    backdrop, hair, material, vignette, curve = (
        canvas.backdrop,
        posed.hair,
        canvas.material,
        canvas.vignette,
        canvas.curve,
    )
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
            red, green, blue = backdrop[row, column, 0], backdrop[row, column, 1], backdrop[row, column, 2]
            if hit > 0:
                if same and high < low * SAME:
                    first = material[ids[0]]
                    for k in range(1, 4):
                        same = same and material[ids[k]] == first
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
                            segment = ids[k] - n_faces
                            lr, lg, lb = lr + hair[segment, 0], lg + hair[segment, 1], lb + hair[segment, 2]
                            continue
                        near = nearness[2 * row + (k >> 1), 2 * column + (k & 1)]
                        count = f32(1.0)
                        for j in range(k + 1, 4):
                            if not used[j] and ids[j] < n_faces and material[ids[j]] == material[ids[k]]:
                                other = nearness[2 * row + (j >> 1), 2 * column + (j & 1)]
                                if max(near, other) < min(near, other) * SAME:
                                    used[j] = True
                                    count += f32(1.0)
                        x = f32(2 * column + (k & 1)) + (f32(0.75) if k < 2 else f32(0.25))
                        y = f32(2 * row + (k >> 1)) + (f32(0.25) if k % 2 == 0 else f32(0.75))
                        sr, sg, sb = shade_surface(canvas, posed, ids[k], x, y)
                        lr, lg, lb = lr + sr * count, lg + sg * count, lb + sb * count
                    lr, lg, lb = lr / f32(hit), lg / f32(hit), lb / f32(hit)
                dark = vignette[row, column]
                share = f32(hit) * f32(0.25)
                lr = curve[int(min(np.sqrt(lr * dark) * _CURVE, top))]
                lg = curve[int(min(np.sqrt(lg * dark) * _CURVE, top))]
                lb = curve[int(min(np.sqrt(lb * dark) * _CURVE, top))]
                red += (lr - red) * share
                green += (lg - green) * share
                blue += (lb - blue) * share
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = red, green, blue


@numba.njit(**KERNEL)
def expose(picture, noise, start, strength, out):  # type: ignore[no-untyped-def]
    """Add grain, mostly of brightness, and quantise; the noise is read from place `start`."""
    place = start
    half, low, high, third = f32(0.5), f32(0.0), f32(255.0), f32(0.3)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            grain, tint = noise[place] * strength + half, noise[place + 1] * strength * third
            out[row, column, 0] = np.uint8(min(max(picture[row, column, 0] + grain + tint, low), high))
            out[row, column, 1] = np.uint8(min(max(picture[row, column, 1] + grain, low), high))
            out[row, column, 2] = np.uint8(min(max(picture[row, column, 2] + grain - tint, low), high))
            place += 1
