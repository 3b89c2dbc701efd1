"""All 54 expressions of one head."""

import numpy as np

from emotag.head.open_head.expressions.brow import BROW
from emotag.head.open_head.expressions.eyes import MOVES, lid_shape, lids_of
from emotag.head.open_head.expressions.jaw_shift import jaw_shifts
from emotag.head.open_head.expressions.lips import LIPS, SIDEWAYS, TRAILING
from emotag.head.open_head.expressions.mouth import CORNERS
from emotag.head.open_head.expressions.mouth_close import mouth_close
from emotag.head.open_head.expressions.nose_cheek import NOSE_CHEEK
from emotag.head.open_head.fields import Face, kept_clear
from emotag.head.open_head.surface import HeadSurface

SIDES = {"L": 1, "R": -1}
_HALF_BLEND_MM = 10.0
"""One-sided actions fade over this many millimetres across the midline, so that both together are symmetric."""


def expression_shapes(surface: HeadSurface) -> dict[str, np.ndarray]:  # name -> (V, 3) metres at 1.0
    """Every expression as a displacement of the neutral head, named as ARKit names them; sorted by name."""
    face = Face(surface)
    lids = {letter: lids_of(face, side) for letter, side in SIDES.items()}
    shapes = jaw_shifts(face) | {"mouthClose": mouth_close(face)}
    shapes |= {name: face.symmetric(pulls) for name, pulls in LIPS.items()}
    for letter, side in SIDES.items():
        for name, pulls in (BROW | NOSE_CHEEK | CORNERS).items():
            shape = face.pulled(pulls, side)
            if name not in BROW:
                shape *= face.half(side, _HALF_BLEND_MM)[:, None]
            if name in MOVES:
                shape += lid_shape(face, lids[letter], name)
            shapes[f"{name}_{letter}"] = kept_clear(face, side, shape)
        shapes |= {f"{name}_{letter}": lid_shape(face, lids[letter], name) for name in MOVES if name not in NOSE_CHEEK}
    for name, side in (("Left", 1), ("Right", -1)):
        for stem in SIDEWAYS:
            shapes[stem + name] = face.pulled(SIDEWAYS[stem], side) + face.pulled(TRAILING[stem], -side)
    return {name: shapes[name] for name in sorted(shapes)}
