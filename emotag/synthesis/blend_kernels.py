# mypy: allow-untyped-defs, allow-untyped-calls
"""Triton kernel that lays renders over frames: one pass, bytes in, bytes out."""

import triton
import triton.language as tl

_WHOLE = tl.constexpr(8388608.0)  # 2²³: adding and taking it away rounds to the nearest, halves to even, as torch does


@triton.jit
def blend_pixels(
    colour,  # (B, H, W, 3) premultiplied, 0–1
    alpha,  # (B, H, W)
    image,  # (T, H, W, 3) uint8
    fade,  # (T, H, W) uint8
    frames,  # (B,) int64: which of the T each render goes over
    composed,  # (B, H, W, 3) uint8
    pixels,  # H · W
    BLOCK: tl.constexpr,
):
    """Compose BLOCK pixels of one render."""
    row = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < pixels
    pixel = row * pixels + place
    below = tl.load(frames + row) * pixels + place
    share = tl.load(fade + below, mask=inside, other=0).to(tl.float32) / 255
    rest = 1 - share * tl.load(alpha + pixel, mask=inside, other=0.0)
    for channel in tl.static_range(3):
        above = share * tl.load(colour + 3 * pixel + channel, mask=inside, other=0.0)
        value = above * 255 + rest * tl.load(image + 3 * below + channel, mask=inside, other=0).to(tl.float32)
        value = (tl.minimum(tl.maximum(value, 0.0), 255.0) + _WHOLE) - _WHOLE
        tl.store(composed + 3 * pixel + channel, value.to(tl.uint8), mask=inside)
