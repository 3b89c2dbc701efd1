"""Places on the Face Mesh (468 points) that the measures use. Pairs are (person's right, person's left)."""

import numpy as np

EYE_SPAN = (33, 263)  # outer eye corners
NOSE_BASE = 2
FOREHEAD = (10, 151)

STABLE = np.array(
    [
        *(33, 133, 362, 263),  # eye corners
        *(168, 6, 197, 195, 5, 4),  # ridge of the nose
        *(127, 356, 234, 454, 93, 323, 162, 389),  # temples and ears
        *(2, 98, 327),  # base of the nose
    ]
)
"""Points on bone or cartilage. The forehead's are left out: they ride on the brows."""
