"""Geometric measures of FACS actions on aligned faces (see docs/action-units.md for the meaning of each)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emotag.perception.action_units.alignment import Array
from emotag.perception.smoothing import sliding_percentile


class _Face(NamedTuple):
    """Aligned points with the three kinds of reading a measure needs. All in eye spans."""

    points: Array  # (T, 468, 3)

    def mean(self, axis: int, *ids: int) -> Array:
        return np.asarray(self.points[:, ids, axis].mean(axis=1))

    def x_apart(self, *pairs: tuple[int, int]) -> Array:
        """Mean horizontal distance of (right, left) pairs."""
        return np.mean([self.points[:, left, 0] - self.points[:, right, 0] for right, left in pairs], axis=0)

    def apart(self, *pairs: tuple[int, int]) -> Array:
        """Mean distance of pairs."""
        gaps = [np.linalg.norm(self.points[:, a] - self.points[:, b], axis=1) for a, b in pairs]
        return np.asarray(np.mean(gaps, axis=0))

    def y(self, *ids: int) -> Array:
        return self.mean(1, *ids)

    def z(self, *ids: int) -> Array:
        return self.mean(2, *ids)


_CORNERS = (33, 133, 362, 263)
_UPPER_LIDS = (159, 386, 158, 385, 160, 387)
_LOWER_LIDS = (145, 374, 153, 380, 144, 373)
_LIDS = ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373))
_INNER_BROWS = (107, 336, 55, 285, 66, 296)
_MID_BROWS = (105, 334, 52, 282, 65, 295)
_OUTER_BROWS = (70, 300, 63, 293, 46, 276, 53, 283)

MEASURES: dict[str, Callable[[_Face], Array]] = {
    # brows
    "brow_inner_y": lambda f: f.y(*_INNER_BROWS),
    "brow_mid_y": lambda f: f.y(*_MID_BROWS),
    "brow_outer_y": lambda f: f.y(*_OUTER_BROWS),
    "brow_inner_eye": lambda f: f.y(107, 336, 55, 285) - f.y(133, 362),
    "brow_lid": lambda f: f.y(52, 282) - f.y(159, 386),
    "brow_oblique": lambda f: f.y(107, 336) - f.y(105, 334),
    "brow_arch": lambda f: f.y(105, 334, 52, 282) - f.y(107, 336, 55, 285, 70, 300, 46, 276),
    "brow_gap": lambda f: f.x_apart((55, 285), (107, 336)),
    # nose
    "nose_root": lambda f: f.apart((168, 6)),
    "glabella_wing": lambda f: f.y(9) - f.y(129, 358),
    "wing_y": lambda f: f.y(129, 358, 49, 279, 64, 294),
    "alar_width": lambda f: f.x_apart((129, 358)),
    # eyes and cheeks
    "aperture": lambda f: f.apart(*_LIDS),
    "upper_lid_y": lambda f: f.y(*_UPPER_LIDS) - f.y(*_CORNERS),
    "lower_lid_y": lambda f: f.y(*_LOWER_LIDS) - f.y(*_CORNERS),
    "bag_y": lambda f: f.y(230, 450, 229, 449, 231, 451) - f.y(*_CORNERS),
    "cheek_y": lambda f: f.y(117, 346, 118, 347, 123, 352),
    "cheek_z": lambda f: f.z(50, 280, 101, 330, 205, 425),
    # upper lip and corners
    "upper_lip_y": lambda f: f.y(0, 37, 267),
    "upper_lip_side_y": lambda f: f.y(39, 269, 40, 270),
    "upper_lip_inner_y": lambda f: f.y(13, 82, 312),
    "upper_lip_thickness": lambda f: f.apart((0, 13), (37, 82), (267, 312)),
    "philtrum": lambda f: f.y(2) - f.y(13),
    "corner_x": lambda f: f.x_apart((61, 291)),
    "corner_y": lambda f: f.y(61, 291),
    "inner_mouth_width": lambda f: f.x_apart((80, 310), (88, 318)),
    "corner_above_centre": lambda f: f.y(61, 291) - f.y(13, 14),
    "corner_above_outline": lambda f: f.y(61, 291) - f.y(0, 17),
    "corner_above_lip": lambda f: f.y(61, 291) - f.y(0, 37, 267),
    "corner_cheek": lambda f: f.apart((61, 205), (291, 425)),
    "corner_wing": lambda f: f.apart((61, 129), (291, 358)),
    # lower lip, chin, jaw
    "lips_part": lambda f: f.apart((13, 14), (82, 87), (312, 317)),
    "lips_part_side": lambda f: f.apart((80, 88), (310, 318), (81, 178), (311, 402)),
    "lips_height": lambda f: f.apart((0, 17)),
    "lower_lip_y": lambda f: f.y(17, 84, 314),
    "lower_lip_inner_y": lambda f: f.y(14, 87, 317),
    "lower_lip_z": lambda f: f.z(17, 14),
    "lower_lip_thickness": lambda f: f.apart((17, 14), (84, 87), (314, 317)),
    "chin_y": lambda f: f.y(152, 148, 377),
    "chin_boss_y": lambda f: f.y(199, 175),
    "chin_boss_z": lambda f: f.z(199, 200),
    "chin_fold_y": lambda f: f.y(18, 200),
    "jaw_width": lambda f: f.x_apart((172, 397), (136, 365)),
}

BLINK_MEASURES = ("blink", "blink_deep", "blink_deepest")
NAMES = (*MEASURES, *BLINK_MEASURES)

_OPEN_WINDOW = 51  # frames (2 s): longer than a blink, shorter than a change of gaze
_OPEN_PERCENTILE = 70
_DEPTHS = (0.0, 0.1, 0.2)


def measure(
    aligned: Array,  # (T, 468, 3) eye spans, from `align`
) -> Array:  # (T, len(NAMES))
    """Give every measure of every frame."""
    face = _Face(aligned)
    columns = {name: read(face) for name, read in MEASURES.items()}
    return np.stack([*columns.values(), *blink(columns["aperture"]).T], axis=1)


def blink(
    aperture: Array,  # (T,)
) -> Array:  # (T, 3)
    """Give how far the lids are closed against the seconds around, beyond three depths (0, 0.1, 0.2 of open).

    A blink is short: against the surrounding two seconds it stands out where gaze, smile and squint do not.
    """
    nearby_open = sliding_percentile(aperture, _OPEN_PERCENTILE, _OPEN_WINDOW)
    open_aperture = max(float(np.percentile(aperture, 80)), 1e-6)
    closed = np.maximum(nearby_open - aperture, 0) / open_aperture
    return np.stack([np.maximum(closed - depth, 0) for depth in _DEPTHS], axis=1)
