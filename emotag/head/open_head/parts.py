"""Everything of the open head that is not skin: ears, eyeballs, teeth, gums, tongue, lining of the mouth."""

import numpy as np

from emotag.head.open_head.dental import UPPER_EDGE, lower_row, teeth, upper_row
from emotag.head.open_head.ear import Pinna, ear, seated
from emotag.head.open_head.eyeball import EYE_RADIUS, eyeball
from emotag.head.open_head.gums import gums
from emotag.head.open_head.mesh import Mesh
from emotag.head.open_head.socket import Bag, socket
from emotag.head.open_head.surface import Part
from emotag.head.open_head.tongue import tongue


def parts(
    inner_lip_ring: np.ndarray,  # (N, 3) metres: closed, ordered, either way round
    eye_centres: np.ndarray,  # (2, 3) metres: left, right
    eye_radius: float = EYE_RADIUS,
    upper_edge: tuple[float, float, float] = UPPER_EDGE,  # metres: middle of the upper incisal edges
    pinna: Pinna | None = None,
    bag: Bag | None = None,
    skin: np.ndarray | None = None,  # (V, 3) metres: seats the ears on the skull when given
) -> list[tuple[Part, Mesh]]:
    """Give the parts in the order of `Part`, from LEFT_EAR to SOCKET, each symmetric or the mirror image of its twin.

    The first N vertices of SOCKET are the ring itself, in its order, to be welded to the lips. Raises ValueError for a
    ring that does not span the plane x = 0 or for eyes that are not two points.
    """
    centres = np.asarray(eye_centres, dtype=float)
    if centres.shape != (2, 3):
        raise ValueError(f"eye centres: expected (2, 3), left and right, got {centres.shape}")
    left_ear = ear(pinna if skin is None else seated(pinna or Pinna(), skin))
    upper, lower = upper_row(upper_edge), lower_row(upper_edge)
    return [
        (Part.LEFT_EAR, left_ear),
        (Part.RIGHT_EAR, left_ear.mirrored()),
        (Part.LEFT_EYE, eyeball(centres[0], eye_radius)),
        (Part.RIGHT_EYE, eyeball(centres[1] * (-1.0, 1.0, 1.0), eye_radius).mirrored()),
        (Part.UPPER_TEETH, teeth(upper)),
        (Part.LOWER_TEETH, teeth(lower)),
        (Part.UPPER_GUMS, gums(upper)),
        (Part.LOWER_GUMS, gums(lower)),
        (Part.TONGUE, tongue(lower)),
        (Part.SOCKET, socket(inner_lip_ring, upper, bag)),
    ]
