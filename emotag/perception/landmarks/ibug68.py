"""The 68 iBUG landmarks (300-W) as points of Face Mesh.

Right and left are the person's own. Each row runs as iBUG numbers it: the jaw from the right ear over the chin (8) to
the left ear, brows and eyes from the image's left to its right, lips clockwise on the screen from the right corner.
Points inside of the face are the same anatomical spots. Along the jaw Face Mesh's oval marks the cheek's surface and
iBUG the silhouette, so that each was given the oval's point nearest on average, left and right alike, to OpenFace's
landmarks over real clips; expect the jaw to differ most from other tools when the head turns.
"""

import numpy as np

JAW = (127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356)
RIGHT_BROW = (70, 63, 105, 66, 107)
LEFT_BROW = (336, 296, 334, 293, 300)
NOSE_BRIDGE = (168, 197, 5, 4)
NOSE_BASE = (240, 97, 2, 326, 460)
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91)
INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)

IBUG68 = np.array(
    JAW + RIGHT_BROW + LEFT_BROW + NOSE_BRIDGE + NOSE_BASE + RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS
)
"""Face Mesh index of each of the 68 landmarks, (68,)."""


def to_ibug68(
    points: np.ndarray,  # (..., 468, 2 or 3) pixels
) -> np.ndarray:  # (..., 68, 2) pixels
    """Give the 68 iBUG landmarks of Face Mesh points."""
    return points[..., IBUG68, :2]
