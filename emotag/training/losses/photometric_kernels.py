# mypy: allow-untyped-defs, allow-untyped-calls
"""Triton kernels of L1 and SSIM: each picture is read once a pass, and nothing between passes but what they need.

SSIM's Gaussian window is separable: rows first, then columns, in the forward pass; columns first, then rows, in the
backward pass. A line of pixels with their channels is a flat row of values, in which neighbours stand `channels` apart.
"""

import triton
import triton.language as tl


@triton.jit
def blur_rows(
    image,  # (rows, length)
    truth,  # (rows, length)
    weights,  # (TAPS,)
    moments,  # (4, rows, inner) of x, y, x² + y², xy, blurred along rows
    sums,  # (programs, 2): Σ |x − y|, Σ (x − y)² of this program's values
    length,
    inner,
    channels,
    plane,  # rows · inner
    TAPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Blur moments along rows, and sum the differences."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    source = row * length + column
    inside = column < inner
    mean_x = tl.zeros((BLOCK,), tl.float32)
    mean_y = tl.zeros((BLOCK,), tl.float32)
    square = tl.zeros((BLOCK,), tl.float32)
    product = tl.zeros((BLOCK,), tl.float32)
    for tap in tl.static_range(TAPS):
        weight = tl.load(weights + tap)
        x = tl.load(image + source + tap * channels, mask=inside, other=0.0)
        y = tl.load(truth + source + tap * channels, mask=inside, other=0.0)
        mean_x += weight * x
        mean_y += weight * y
        square += weight * (x * x + y * y)
        product += weight * x * y
    target = moments + row * inner + column
    tl.store(target, mean_x, mask=inside)
    tl.store(target + plane, mean_y, mask=inside)
    tl.store(target + 2 * plane, square, mask=inside)
    tl.store(target + 3 * plane, product, mask=inside)
    present = column < length
    difference = tl.load(image + source, mask=present, other=0.0) - tl.load(truth + source, mask=present, other=0.0)
    program = row * tl.num_programs(1) + tl.program_id(1)
    tl.store(sums + 2 * program, tl.sum(tl.abs(difference)))
    tl.store(sums + 2 * program + 1, tl.sum(difference * difference))


@triton.jit
def similarity_columns(
    moments,  # (4, frames, height, inner)
    weights,  # (TAPS,)
    partial,  # (3, frames, height − TAPS + 1, inner): ∂S/∂E[x], ∂S/∂E[x²], ∂S/∂E[xy]; written if KEEP
    sums,  # (programs,): Σ S
    height,
    inner,
    plane,  # frames · height · inner
    kept_plane,  # frames · (height − TAPS + 1) · inner
    c1,
    c2,
    TAPS: tl.constexpr,
    LINES: tl.constexpr,
    BLOCK: tl.constexpr,
    KEEP: tl.constexpr,
):
    """Finish the blur along columns, and sum SSIM; keep its derivatives by the moments."""
    frame = tl.program_id(0).to(tl.int64)
    line = tl.program_id(1) * LINES + tl.arange(0, LINES)
    column = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    kept_height = height - TAPS + 1
    inside = (line[:, None] < kept_height) & (column[None, :] < inner)
    source = moments + (frame * height + line[:, None]) * inner + column[None, :]
    mean_x = tl.zeros((LINES, BLOCK), tl.float32)
    mean_y = tl.zeros((LINES, BLOCK), tl.float32)
    square = tl.zeros((LINES, BLOCK), tl.float32)
    product = tl.zeros((LINES, BLOCK), tl.float32)
    for tap in tl.static_range(TAPS):
        weight = tl.load(weights + tap)
        here = source + tap * inner
        mean_x += weight * tl.load(here, mask=inside, other=0.0)
        mean_y += weight * tl.load(here + plane, mask=inside, other=0.0)
        square += weight * tl.load(here + 2 * plane, mask=inside, other=0.0)
        product += weight * tl.load(here + 3 * plane, mask=inside, other=0.0)
    means = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    a1 = 2 * means + c1
    a2 = 2 * (product - means) + c2
    b1 = squares + c1
    b2 = square - squares + c2
    bottom = 1 / (b1 * b2)
    value = a1 * a2 * bottom
    program = (frame * tl.num_programs(1) + tl.program_id(1)) * tl.num_programs(2) + tl.program_id(2)
    tl.store(sums + program, tl.sum(tl.where(inside, value, 0.0)))
    if KEEP:
        by_mean = 2 * (a2 - a1) * bottom * mean_y - 2 * value * (1 / b1 - 1 / b2) * mean_x
        target = partial + (frame * kept_height + line[:, None]) * inner + column[None, :]
        tl.store(target, by_mean, mask=inside)
        tl.store(target + kept_plane, -value / b2, mask=inside)
        tl.store(target + 2 * kept_plane, 2 * a1 * bottom, mask=inside)


@triton.jit
def spread_columns(
    partial,  # (planes · frames, kept_height, inner)
    weights,  # (TAPS,)
    spread,  # (planes · frames, kept_height + TAPS − 1, inner): transpose of the blur along columns
    kept_height,
    inner,
    TAPS: tl.constexpr,
    LINES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Spread the derivatives over the windows they came from: along columns."""
    picture = tl.program_id(0).to(tl.int64)
    line = tl.program_id(1) * LINES + tl.arange(0, LINES)
    column = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    height = kept_height + TAPS - 1
    within = column[None, :] < inner
    total = tl.zeros((LINES, BLOCK), tl.float32)
    for tap in tl.static_range(TAPS):
        origin = line[:, None] - tap
        inside = (origin >= 0) & (origin < kept_height) & within
        source = partial + (picture * kept_height + origin) * inner + column[None, :]
        total += tl.load(weights + tap) * tl.load(source, mask=inside, other=0.0)
    target = spread + (picture * height + line[:, None]) * inner + column[None, :]
    tl.store(target, total, mask=(line[:, None] < height) & within)


@triton.jit
def spread_rows(
    spread,  # (3, rows, inner)
    image,  # (rows, length)
    truth,  # (rows, length)
    weights,  # (TAPS,)
    by_difference,  # () gradient of the mean of |x − y|
    by_similarity,  # () gradient of the mean of S
    gradient,  # (rows, length)
    length,
    inner,
    channels,
    plane,  # rows · inner
    each_value,  # 1 / values of a picture batch
    each_kept,  # 1 / values that have a whole window
    TAPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Finish spreading along rows, and put together the gradient of the image."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    by_mean = tl.zeros((BLOCK,), tl.float32)
    by_square = tl.zeros((BLOCK,), tl.float32)
    by_product = tl.zeros((BLOCK,), tl.float32)
    for tap in tl.static_range(TAPS):
        origin = column - tap * channels
        inside = (origin >= 0) & (origin < inner)
        source = spread + row * inner + origin
        weight = tl.load(weights + tap)
        by_mean += weight * tl.load(source, mask=inside, other=0.0)
        by_square += weight * tl.load(source + plane, mask=inside, other=0.0)
        by_product += weight * tl.load(source + 2 * plane, mask=inside, other=0.0)
    present = column < length
    x = tl.load(image + row * length + column, mask=present, other=0.0)
    y = tl.load(truth + row * length + column, mask=present, other=0.0)
    sign = tl.where(x > y, 1.0, tl.where(x < y, -1.0, 0.0))
    similarity = (by_mean + 2 * x * by_square + y * by_product) * (tl.load(by_similarity) * each_kept)
    difference = sign * (tl.load(by_difference) * each_value)
    tl.store(gradient + row * length + column, similarity + difference, mask=present)
