"""Which lip and which lid a vertex goes with."""

import numpy as np

from emotag.head.open_head import anatomy
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
    side = _above(vertices, slit)
    for name, _, _ in anatomy.LIP_RINGS:
        ring = skin.rings[name]
        quarter = len(ring) // 4  # upper midline → left corner → lower midline → right corner
        place = np.arange(len(ring))
        upper = (place < quarter) | (place > 3 * quarter)
        side[ring] = np.where(upper, 1.0, -1.0)
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
    side = _above(vertices * np.where(vertices[:, :1] < 0, (-1, 1, 1), 1), fissure)
    for eye in ("left", "right"):
        for name in ("orbit", "fold", "crease", *(name for name, _, _ in anatomy.LID_RINGS)):
            ring = skin.rings[f"{eye}/{name}"]
            outer = len(ring) * anatomy.OUTER_CANTHUS // anatomy.LID_STATIONS
            side[ring] = np.where(np.arange(len(ring)) < outer, 1.0, -1.0)
            side[ring[[0, outer]]] = 0.0
    return side


def _above(vertices: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Sign of the height over the middle line of a ring, which goes on level beyond its ends."""
    left, right = ring[ring[:, 0].argmin()], ring[ring[:, 0].argmax()]
    across = np.linspace(left[0], right[0], 33)
    order = ring[np.argsort(ring[:, 0], kind="stable")]
    lower_half = order[:, 1] < np.interp(order[:, 0], [left[0], right[0]], [left[1], right[1]])
    upper, lower = order[~lower_half], order[lower_half]
    lower = np.concatenate((left[None], lower, right[None]))
    upper = np.concatenate((left[None], upper, right[None]))
    middle = (np.interp(across, upper[:, 0], upper[:, 1]) + np.interp(across, lower[:, 0], lower[:, 1])) / 2
    return np.where(vertices[:, 1] >= np.interp(vertices[:, 0], across, middle), 1.0, -1.0)
