"""The 68 iBUG landmarks as points of Face Mesh."""

import numpy as np

JAW = (127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356)
RIGHT_BROW = (70, 63, 105, 66, 107)
LEFT_BROW = (336, 296, 334, 293, 300)
NOSE_BRIDGE = (168, 197, 5, 4)
NOSE_BASE = (75, 97, 2, 326, 305)
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)

IBUG68 = np.array(
    JAW + RIGHT_BROW + LEFT_BROW + NOSE_BRIDGE + NOSE_BASE + RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS
)


def to_ibug68(
    points: np.ndarray,  # (..., 468, 2 or 3) pixels
) -> np.ndarray:  # (..., 68, 2) pixels
    """Give the 68 iBUG landmarks of Face Mesh points."""
    return points[..., IBUG68, :2]
