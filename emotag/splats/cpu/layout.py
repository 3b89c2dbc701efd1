"""The arrays that the kernels hand to each other, and the constants of the image formation."""

import numpy as np

TILE = 16
"""Side of the square tiles, in pixels. A row of a tile is one AVX-512 register or two of AVX2."""

CHUNK = 512
"""Splats that a thread takes at a time."""

BLUR = 0.3
"""Variance (pixels²) added to every projected splat, as 3DGS does and gsplat's `eps2d`."""

CLAMP_MARGIN = 0.3
"""How far outside the image, in half image sizes, the direction of the projection's linearisation may lie (3DGS)."""

REACH_MARGIN = 1e-3
"""Pixels by which a splat's reach is widened when it is sorted into tiles, against rounding at its rim."""

ALPHA_MAX = np.float32(0.999)
ALPHA_MIN = np.float32(1 / 255)
TRANSMITTANCE_MIN = np.float32(1e-4)

# Columns of `geometry`, (B, N, 8) float64: one cache line a splat. It is double because a pixel position in single
# precision costs a thin splat four digits of its alpha.
CENTRE_X, CENTRE_Y = 0, 1  # pixels
CONIC_A, CONIC_B, CONIC_C = 2, 3, 4  # inverse covariance [[a, b], [b, c]], 1/pixels²
REACH_X, REACH_Y = 5, 6  # pixels: half the bounding box of alpha >= 1/255; REACH_X = 0 means not visible
OPACITY = 7
GEOMETRY_WIDTH = 8

# Columns of `slot_gradients`, (M, 6 + C) float32: one row for each meeting of a splat with a tile.
D_CENTRE_X, D_CENTRE_Y, D_CONIC_A, D_CONIC_B, D_CONIC_C, D_OPACITY, D_CHANNELS = 0, 1, 2, 3, 4, 5, 6
