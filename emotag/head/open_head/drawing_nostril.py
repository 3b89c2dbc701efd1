"""Drawing of the nostrils: the rim and how the pit narrows inwards. Millimetres."""

from emotag.head.open_head.anatomy import Line, Point

NOSTRIL: Line = (  # around, from the front, outer side first
    (5, -33.8, 101.5), (8, -34.2, 99.3), (11, -36, 95.4), (12.3, -38.2, 91.2), (10.8, -39.6, 88.9), (8, -40, 89.6),
    (5.6, -39, 93), (4.3, -36.7, 97.6),
)  # fmt: skip
NOSTRIL_DEPTH: tuple[tuple[float, Point], ...] = (
    # size relative to the rim, shift of the ring
    (0.86, (0.0, 1.3, -0.2)),
    (0.62, (-0.3, 4.5, -1.5)),
    (0.30, (-1.2, 7.5, -3.5)),
)
