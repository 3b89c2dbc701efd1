"""What expression and identity fields need to know of a neutral head."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What a vertex belongs to."""

    SKIN = 0  # face, scalp, neck, shoulders, lips, lids: one connected surface
    LEFT_EAR = 1
    RIGHT_EAR = 2
    LEFT_EYE = 3  # eyeball
    RIGHT_EYE = 4
    UPPER_TEETH = 5
    LOWER_TEETH = 6
    UPPER_GUMS = 7
    LOWER_GUMS = 8
    TONGUE = 9
    SOCKET = 10  # lining of the mouth, from behind the inner lips backwards


@dataclass(frozen=True)
class HeadSurface:
    """A neutral head with its anatomical points. Metres; x to the person's left, y up, z out of the face."""

    vertices: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) counter-clockwise seen from outside
    part: np.ndarray  # (V,) int, Part
    landmarks: np.ndarray  # (68, 3) iBUG 68
    mouth_side: np.ndarray  # (V,) +1 moves with the upper lip, −1 with the lower (sign changes at the slit)
    lid_side: np.ndarray  # (V,) +1 above the nearest palpebral fissure, −1 below it (sign changes between the lids)
    eye_centres: np.ndarray  # (2, 3) of the eyeballs: left, right
    eye_radius: float
    jaw_hinge: np.ndarray  # (3,) middle of the axis through the jaw joints, x = 0
    neck_joint: np.ndarray  # (3,) where the head turns on the neck
    neck_base: np.ndarray  # (3,) root joint: base of the neck
