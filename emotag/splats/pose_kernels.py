# mypy: allow-untyped-defs, allow-untyped-calls
"""Triton kernels that carry splats to posed heads (EmoTaG Eq. 7, 8): one thread a splat, everything in registers.

The backward kernel needs no derivative of a rotation matrix: whatever turns a splat (its quaternion, its place, its
normal) is summed as a torque τ = ∂L/∂ω about the world's axes, and a triangle's frame turns with its corners by

    ω·a1 = −a2·δb / |b|,   ω·a2 = a1·δb / |b|,   ω·a0 = (a1·δs − (a0·s / |b|) a1·δb) / h

for changes δb, δs of its first edge b and its other edge s; a0, a1, a2 are the frame's axes, h the triangle's height.
"""

import triton
import triton.language as tl

_TINY = tl.constexpr(1e-12)


@triton.jit
def _dot(ax, ay, az, bx, by, bz):
    return ax * bx + ay * by + az * bz


@triton.jit
def _cross(ax, ay, az, bx, by, bz):
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


@triton.jit
def _multiply(aw, ax, ay, az, bw, bx, by, bz):
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


@triton.jit
def _three(pointer, index, mask):
    at = pointer + 3 * index
    return (
        tl.load(at, mask=mask, other=0.0),
        tl.load(at + 1, mask=mask, other=0.0),
        tl.load(at + 2, mask=mask, other=0.0),
    )


@triton.jit
def _four(pointer, index, mask):
    at = pointer + 4 * index
    return (
        tl.load(at, mask=mask, other=0.0),
        tl.load(at + 1, mask=mask, other=0.0),
        tl.load(at + 2, mask=mask, other=0.0),
        tl.load(at + 3, mask=mask, other=0.0),
    )


@triton.jit
def _unit4(w, x, y, z):
    norm = tl.maximum(tl.sqrt_rn(w * w + x * x + y * y + z * z), 1e-12)
    return w / norm, x / norm, y / norm, z / norm, norm


@triton.jit
def _frame(vertices, first, second, third, mask):
    """Axes, base and height, place of the third corner along the base, and centre of each triangle."""
    px, py, pz = _three(vertices, first, mask)
    qx, qy, qz = _three(vertices, second, mask)
    rx, ry, rz = _three(vertices, third, mask)
    bx, by, bz = qx - px, qy - py, qz - pz
    sx, sy, sz = rx - px, ry - py, rz - pz
    length = tl.sqrt_rn(_dot(bx, by, bz, bx, by, bz) + _TINY)
    ax, ay, az = bx / length, by / length, bz / length
    nx, ny, nz = _cross(ax, ay, az, sx, sy, sz)
    size = tl.sqrt_rn(_dot(nx, ny, nz, nx, ny, nz) + _TINY)
    nx, ny, nz = nx / size, ny / size, nz / size
    tx, ty, tz = _cross(ax, ay, az, nx, ny, nz)
    height = tl.abs(_dot(tx, ty, tz, sx, sy, sz))
    along = _dot(ax, ay, az, sx, sy, sz)
    cx, cy, cz = (px + qx + rx) / 3, (py + qy + ry) / 3, (pz + qz + rz) / 3
    return ax, ay, az, nx, ny, nz, tx, ty, tz, length, height, along, cx, cy, cz


@triton.jit
def _quaternion(m00, m10, m20, m01, m11, m21, m02, m12, m22):
    """Quaternion of a rotation matrix: of four equivalent formulas the best conditioned one; w ≥ 0."""
    t0, t1 = m00 + m11 + m22, m00 - m11 - m22
    t2, t3 = m11 - m00 - m22, m22 - m00 - m11
    is0 = (t0 >= t1) & (t0 >= t2) & (t0 >= t3)
    is1 = (t1 >= t2) & (t1 >= t3)
    is2 = t2 >= t3
    w = tl.where(is0, 1 + t0, tl.where(is1, m21 - m12, tl.where(is2, m02 - m20, m10 - m01)))
    x = tl.where(is0, m21 - m12, tl.where(is1, 1 + t1, tl.where(is2, m01 + m10, m02 + m20)))
    y = tl.where(is0, m02 - m20, tl.where(is1, m01 + m10, tl.where(is2, 1 + t2, m12 + m21)))
    z = tl.where(is0, m10 - m01, tl.where(is1, m02 + m20, tl.where(is2, m12 + m21, 1 + t3)))
    w, x, y, z, _ = _unit4(w, x, y, z)
    sign = tl.where(w < 0, -1.0, 1.0)
    return sign * w, sign * x, sign * y, sign * z


@triton.jit
def _axis(w, x, y, z, first, second):
    """Column of a unit quaternion's matrix: the first, the second or (neither) the third."""
    cx = tl.where(first, 1 - 2 * (y * y + z * z), tl.where(second, 2 * (x * y - w * z), 2 * (x * z + w * y)))
    cy = tl.where(first, 2 * (x * y + w * z), tl.where(second, 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)))
    cz = tl.where(first, 2 * (x * z - w * y), tl.where(second, 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)))
    return cx, cy, cz


@triton.jit
def _own(quaternions, log_scales, splat, mask):
    uw, ux, uy, uz = _four(quaternions, splat, mask)
    uw, ux, uy, uz, norm = _unit4(uw, ux, uy, uz)
    lx, ly, lz = _three(log_scales, splat, mask)
    return uw, ux, uy, uz, norm, lx, ly, lz


@triton.jit
def _turn_by(rotations, row, moved):
    """Unit quaternion of a mouth splat's Δr, added to the identity, and the norm before; others are not turned."""
    w, x, y, z = _four(rotations, row, moved)
    return _unit4(1 + w, x, y, z)


@triton.jit
def _normal(ax, ay, az, nx, ny, nz, tx, ty, tz, pw, px, py, pz, gx, gy, gz, mx, my, mz, camera):
    """World axis of smallest scale, turned to the camera."""
    first = (gx <= gy) & (gx <= gz)
    second = gy <= gz
    cx, cy, cz = _axis(pw, px, py, pz, first, second)
    wx = ax * cx + nx * cy + tx * cz
    wy = ay * cx + ny * cy + ty * cz
    wz = az * cx + nz * cy + tz * cz
    away = _dot(mx - tl.load(camera), my - tl.load(camera + 1), mz - tl.load(camera + 2), wx, wy, wz) > 0
    sign = tl.where(away, -1.0, 1.0)
    return sign * wx, sign * wy, sign * wz


@triton.jit
def pose_forward(
    vertices,  # (B, V, 3)
    corners,  # (3, N) vertex of each corner of each splat's triangle
    means,  # (N, 3)
    quaternions,  # (N, 4)
    log_scales,  # (N, 3)
    slots,  # (N,) place among the mouth splats, −1 for others
    shifts,  # (B, M, 3) Δμ
    turns,  # (B, M, 4) Δr
    stretches,  # (B, M, 3) Δs
    heads,  # (B, 3, 3) rotation of the head
    camera,  # (3,)
    out_means,  # (B, N, 3)
    out_quaternions,  # (B, N, 4)
    out_scales,  # (B, N, 3)
    out_normals,  # (B, N, 3)
    count,  # N
    vertex_count,  # V
    mouth_count,  # M
    MOUTH: tl.constexpr,
    NORMALS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Carry BLOCK splats to one frame's head."""
    splat = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    frame = tl.program_id(1).to(tl.int64)
    mask = splat < count
    one = tl.load(corners + splat, mask=mask, other=0)
    two = tl.load(corners + count + splat, mask=mask, other=0)
    three = tl.load(corners + 2 * count + splat, mask=mask, other=0)
    ax, ay, az, nx, ny, nz, tx, ty, tz, length, height, _, cx, cy, cz = _frame(
        vertices + frame * vertex_count * 3, one, two, three, mask
    )
    size = (length + height) / 2
    uw, ux, uy, uz, _, lx, ly, lz = _own(quaternions, log_scales, splat, mask)
    mx, my, mz = _three(means, splat, mask)
    gx = size * (ax * mx + nx * my + tx * mz) + cx
    gy = size * (ay * mx + ny * my + ty * mz) + cy
    gz = size * (az * mx + nz * my + tz * mz) + cz
    if MOUTH:
        slot = tl.load(slots + splat, mask=mask, other=-1)
        moved = mask & (slot >= 0)
        row = frame * mouth_count + slot
        dx, dy, dz = _three(shifts, row, moved)
        head = heads + frame * 9
        gx += tl.load(head) * dx + tl.load(head + 1) * dy + tl.load(head + 2) * dz
        gy += tl.load(head + 3) * dx + tl.load(head + 4) * dy + tl.load(head + 5) * dz
        gz += tl.load(head + 6) * dx + tl.load(head + 7) * dy + tl.load(head + 8) * dz
        vw, vx, vy, vz, _ = _turn_by(turns, row, moved)
        uw, ux, uy, uz = _multiply(uw, ux, uy, uz, vw, vx, vy, vz)
        ex, ey, ez = _three(stretches, row, moved)
        lx, ly, lz = lx + ex, ly + ey, lz + ez
    fw, fx, fy, fz = _quaternion(ax, ay, az, nx, ny, nz, tx, ty, tz)
    qw, qx, qy, qz = _multiply(fw, fx, fy, fz, uw, ux, uy, uz)
    target = frame * count + splat
    tl.store(out_means + 3 * target, gx, mask=mask)
    tl.store(out_means + 3 * target + 1, gy, mask=mask)
    tl.store(out_means + 3 * target + 2, gz, mask=mask)
    tl.store(out_quaternions + 4 * target, qw, mask=mask)
    tl.store(out_quaternions + 4 * target + 1, qx, mask=mask)
    tl.store(out_quaternions + 4 * target + 2, qy, mask=mask)
    tl.store(out_quaternions + 4 * target + 3, qz, mask=mask)
    tl.store(out_scales + 3 * target, size * tl.exp(lx), mask=mask)
    tl.store(out_scales + 3 * target + 1, size * tl.exp(ly), mask=mask)
    tl.store(out_scales + 3 * target + 2, size * tl.exp(lz), mask=mask)
    if NORMALS:
        wx, wy, wz = _normal(
            ax, ay, az, nx, ny, nz, tx, ty, tz, uw, ux, uy, uz, lx, ly, lz, gx, gy, gz, camera
        )  # fmt: skip
        tl.store(out_normals + 3 * target, wx, mask=mask)
        tl.store(out_normals + 3 * target + 1, wy, mask=mask)
        tl.store(out_normals + 3 * target + 2, wz, mask=mask)


@triton.jit
def _add_corner(by_vertices, index, x, y, z, mask):
    at = by_vertices + 3 * index
    tl.atomic_add(at, x, mask=mask, sem="relaxed")
    tl.atomic_add(at + 1, y, mask=mask, sem="relaxed")
    tl.atomic_add(at + 2, z, mask=mask, sem="relaxed")


@triton.jit
def _store3(pointer, index, x, y, z, mask):
    at = pointer + 3 * index
    tl.store(at, x, mask=mask)
    tl.store(at + 1, y, mask=mask)
    tl.store(at + 2, z, mask=mask)


@triton.jit
def pose_backward(
    vertices,  # as in pose_forward
    corners,
    means,
    quaternions,
    log_scales,
    slots,
    shifts,
    turns,
    stretches,
    heads,
    camera,
    by_out_means,  # (B, N, 3)
    by_out_quaternions,  # (B, N, 4)
    by_out_scales,  # (B, N, 3)
    by_out_normals,  # (B, N, 3)
    by_means,  # (N, 3)
    by_quaternions,  # (N, 4)
    by_log_scales,  # (N, 3)
    by_vertices,  # (B, V, 3), zeros
    by_shifts,  # (B, M, 3)
    by_turns,  # (B, M, 4)
    by_stretches,  # (B, M, 3)
    frames,  # B
    count,
    vertex_count,
    mouth_count,
    MOUTH: tl.constexpr,
    NORMALS: tl.constexpr,
    VERTICES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Gather the gradients of BLOCK splats over all frames, and scatter those of their triangles' corners."""
    splat = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = splat < count
    one = tl.load(corners + splat, mask=mask, other=0)
    two = tl.load(corners + count + splat, mask=mask, other=0)
    three = tl.load(corners + 2 * count + splat, mask=mask, other=0)
    mx, my, mz = _three(means, splat, mask)
    ow, ox, oy, oz, norm, lx, ly, lz = _own(quaternions, log_scales, splat, mask)
    slot = tl.full((BLOCK,), -1, tl.int32)
    if MOUTH:
        slot = tl.load(slots + splat, mask=mask, other=-1)
    moved = mask & (slot >= 0)

    sum_mx, sum_my, sum_mz = tl.zeros_like(mx), tl.zeros_like(mx), tl.zeros_like(mx)
    sum_uw, sum_ux, sum_uy, sum_uz = tl.zeros_like(mx), tl.zeros_like(mx), tl.zeros_like(mx), tl.zeros_like(mx)
    sum_lx, sum_ly, sum_lz = tl.zeros_like(mx), tl.zeros_like(mx), tl.zeros_like(mx)
    for index in range(frames):
        frame = tl.cast(index, tl.int64)
        ax, ay, az, nx, ny, nz, tx, ty, tz, length, height, along, cx, cy, cz = _frame(
            vertices + frame * vertex_count * 3, one, two, three, mask
        )
        size = (length + height) / 2
        uw, ux, uy, uz = ow, ox, oy, oz
        sx, sy, sz = lx, ly, lz
        vw, vx, vy, vz, turn_norm = tl.full((BLOCK,), 1.0, tl.float32), mx * 0, mx * 0, mx * 0, mx * 0 + 1
        row = frame * mouth_count + slot
        if MOUTH:
            vw, vx, vy, vz, turn_norm = _turn_by(turns, row, moved)
            uw, ux, uy, uz = _multiply(ow, ox, oy, oz, vw, vx, vy, vz)
            ex, ey, ez = _three(stretches, row, moved)
            sx, sy, sz = lx + ex, ly + ey, lz + ez
        fw, fx, fy, fz = _quaternion(ax, ay, az, nx, ny, nz, tx, ty, tz)
        qw, qx, qy, qz = _multiply(fw, fx, fy, fz, uw, ux, uy, uz)
        source = frame * count + splat

        # Place: μ = k R μ_l + C (+ Δμ).
        gx, gy, gz = _three(by_out_means, source, mask)
        rx = ax * mx + nx * my + tx * mz
        ry = ay * mx + ny * my + ty * mz
        rz = az * mx + nz * my + tz * mz
        torque_x, torque_y, torque_z = _cross(size * rx, size * ry, size * rz, gx, gy, gz)
        by_size = _dot(rx, ry, rz, gx, gy, gz)
        sum_mx += size * _dot(ax, ay, az, gx, gy, gz)
        sum_my += size * _dot(nx, ny, nz, gx, gy, gz)
        sum_mz += size * _dot(tx, ty, tz, gx, gy, gz)

        # Size: s = k exp(s_l).
        hx, hy, hz = _three(by_out_scales, source, mask)
        hx, hy, hz = hx * tl.exp(sx), hy * tl.exp(sy), hz * tl.exp(sz)
        by_size += hx + hy + hz
        sum_lx += size * hx
        sum_ly += size * hy
        sum_lz += size * hz

        # Rotation: q = r ⊗ p, p = r_l (⊗ Δr).
        iw, ix, iy, iz = _four(by_out_quaternions, source, mask)
        torque_x += 0.5 * (-qx * iw + qw * ix - qz * iy + qy * iz)
        torque_y += 0.5 * (-qy * iw + qz * ix + qw * iy - qx * iz)
        torque_z += 0.5 * (-qz * iw - qy * ix + qx * iy + qw * iz)
        pw, px, py, pz = _multiply(fw, -fx, -fy, -fz, iw, ix, iy, iz)
        if NORMALS:
            wx = size * rx + cx
            wy = size * ry + cy
            wz = size * rz + cz
            if MOUTH:
                dx, dy, dz = _three(shifts, row, moved)
                head = heads + frame * 9
                wx += tl.load(head) * dx + tl.load(head + 1) * dy + tl.load(head + 2) * dz
                wy += tl.load(head + 3) * dx + tl.load(head + 4) * dy + tl.load(head + 5) * dz
                wz += tl.load(head + 6) * dx + tl.load(head + 7) * dy + tl.load(head + 8) * dz
            wx, wy, wz = _normal(
                ax, ay, az, nx, ny, nz, tx, ty, tz, uw, ux, uy, uz, sx, sy, sz, wx, wy, wz, camera
            )  # fmt: skip
            jx, jy, jz = _three(by_out_normals, source, mask)
            kx, ky, kz = _cross(wx, wy, wz, jx, jy, jz)
            torque_x, torque_y, torque_z = torque_x + kx, torque_y + ky, torque_z + kz
            # The same torque about the triangle's axes, as a change of p: ω = 2 (δp ⊗ p̄).
            lox, loy, loz = (
                2 * _dot(ax, ay, az, kx, ky, kz),
                2 * _dot(nx, ny, nz, kx, ky, kz),
                2 * _dot(tx, ty, tz, kx, ky, kz),
            )
            kw, kx, ky, kz = _multiply(mx * 0, lox, loy, loz, uw, ux, uy, uz)
            pw, px, py, pz = pw + kw, px + kx, py + ky, pz + kz
        if MOUTH:
            bw, bx, by, bz = _multiply(ow, -ox, -oy, -oz, pw, px, py, pz)
            radial = vw * bw + vx * bx + vy * by + vz * bz
            at = by_turns + 4 * row
            tl.store(at, (bw - vw * radial) / turn_norm, mask=moved)
            tl.store(at + 1, (bx - vx * radial) / turn_norm, mask=moved)
            tl.store(at + 2, (by - vy * radial) / turn_norm, mask=moved)
            tl.store(at + 3, (bz - vz * radial) / turn_norm, mask=moved)
            pw, px, py, pz = _multiply(pw, px, py, pz, vw, -vx, -vy, -vz)
            head = heads + frame * 9
            _store3(
                by_shifts,
                row,
                tl.load(head) * gx + tl.load(head + 3) * gy + tl.load(head + 6) * gz,
                tl.load(head + 1) * gx + tl.load(head + 4) * gy + tl.load(head + 7) * gz,
                tl.load(head + 2) * gx + tl.load(head + 5) * gy + tl.load(head + 8) * gz,
                moved,
            )
            _store3(by_stretches, row, size * hx, size * hy, size * hz, moved)
        sum_uw, sum_ux, sum_uy, sum_uz = sum_uw + pw, sum_ux + px, sum_uy + py, sum_uz + pz

        if VERTICES:
            t0 = _dot(ax, ay, az, torque_x, torque_y, torque_z) * height / (height * height + _TINY)
            t1 = _dot(nx, ny, nz, torque_x, torque_y, torque_z)
            t2 = _dot(tx, ty, tz, torque_x, torque_y, torque_z)
            ratio = along / length
            base_a = by_size / 2
            base_n = t2 / length - t0 * ratio
            base_t = by_size / 2 * ratio - t1 / length
            side_t = -by_size / 2
            base_x = ax * base_a + nx * base_n + tx * base_t
            base_y = ay * base_a + ny * base_n + ty * base_t
            base_z = az * base_a + nz * base_n + tz * base_t
            side_x = nx * t0 + tx * side_t
            side_y = ny * t0 + ty * side_t
            side_z = nz * t0 + tz * side_t
            own = by_vertices + frame * vertex_count * 3
            gx, gy, gz = gx / 3, gy / 3, gz / 3
            _add_corner(own, one, gx - base_x - side_x, gy - base_y - side_y, gz - base_z - side_z, mask)
            _add_corner(own, two, gx + base_x, gy + base_y, gz + base_z, mask)
            _add_corner(own, three, gx + side_x, gy + side_y, gz + side_z, mask)

    _store3(by_means, splat, sum_mx, sum_my, sum_mz, mask)
    _store3(by_log_scales, splat, sum_lx, sum_ly, sum_lz, mask)
    radial = ow * sum_uw + ox * sum_ux + oy * sum_uy + oz * sum_uz
    at = by_quaternions + 4 * splat
    tl.store(at, (sum_uw - ow * radial) / norm, mask=mask)
    tl.store(at + 1, (sum_ux - ox * radial) / norm, mask=mask)
    tl.store(at + 2, (sum_uy - oy * radial) / norm, mask=mask)
    tl.store(at + 3, (sum_uz - oz * radial) / norm, mask=mask)
