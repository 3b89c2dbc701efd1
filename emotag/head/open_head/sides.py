"""Which lip and which lid a vertex goes with."""

import numpy as np

from emotag.head.open_head.lids import EYE_NAMES, outer_canthus
from emotag.head.open_head.lips import LIP_NAMES
from emotag.head.open_head.skin import Skin
from emotag.head.open_head.surface import Part

_LOWER = (Part.LOWER_TEETH, Part.LOWER_GUMS, Part.TONGUE)
_UPPER = (Part.UPPER_TEETH, Part.UPPER_GUMS)
_MM = 1e-3


def mouth_sides(
    skin: Skin,
    vertices: np.ndarray,  # (V, 3) metres, the skin's first
    part: np.ndarray,  # (V,)
) -> np.ndarray:  # (V,) +1 with the upper lip, −1 with the lower, 0 at the corners of the mouth
    """Above or below the slit; on the lips themselves by the ring, not by height, since they touch and roll inwards."""
    slit = skin.points[skin.rings["slit"]] * _MM
    quarter = len(slit) // 4
    upper = np.concatenate((slit[-quarter:], slit[: quarter + 1]))  # from the right corner to the left one
    side = np.where(vertices[:, 1] >= np.interp(vertices[:, 0], upper[:, 0], upper[:, 1]), 1.0, -1.0)
    place = np.arange(len(slit))
    on_upper = (place < quarter) | (place > 3 * quarter)
    for name in LIP_NAMES:
        ring = skin.rings[name]
        side[ring] = np.where(on_upper, 1.0, -1.0)
        side[ring[[quarter, 3 * quarter]]] = 0.0
    side[np.isin(part, _LOWER)] = -1.0
    side[np.isin(part, _UPPER)] = 1.0
    return side


def lid_sides(
    skin: Skin,
    vertices: np.ndarray,  # (V, 3) metres, the skin's first
) -> np.ndarray:  # (V,) +1 above, −1 below the palpebral fissure, 0 at its corners
    """Above or below the line between the lids; on the lids by the ring."""
    fissure = skin.points[skin.rings["left/lash line"]] * _MM
    outer = outer_canthus(fissure)
    upper, lower = fissure[: outer + 1], np.concatenate((fissure[outer:], fissure[:1]))[::-1]
    middle = (np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) + upper[:, 1]) / 2
    side = np.where(vertices[:, 1] >= np.interp(np.abs(vertices[:, 0]), upper[:, 0], middle), 1.0, -1.0)
    for name in EYE_NAMES:
        for eye in ("left", "right"):
            ring = skin.rings[f"{eye}/{name}"]
            side[ring] = np.where(np.arange(len(ring)) < outer, 1.0, -1.0)
            side[ring[[0, outer]]] = 0.0
    return side
