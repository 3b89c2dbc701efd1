"""The mandible as a whole forwards (AD29) and sideways (AD30): teeth, tongue and chin go with it."""

import numpy as np

from emotag.head.open_head.fields import Face
from emotag.head.open_head.jaw_motion import jaw_weights

SHIFTS_MM: dict[str, tuple[float, float, float]] = {
    "jawForward": (0.0, -1.2, 11.0),
    "jawLeft": (9.0, 0.2, 0.0),
    "jawRight": (-9.0, 0.2, 0.0),
}


def jaw_shifts(face: Face) -> dict[str, np.ndarray]:  # name -> (V, 3) metres
    """Translations of everything that the jaw carries."""
    weights = jaw_weights(face.surface)
    return {name: weights[:, None] * np.array(shift) * face.mm for name, shift in SHIFTS_MM.items()}
