"""Drawing of the left eye: rings from the orbit over the lid fold and the lids' margins inwards. Millimetres.

Stations around: inner canthus (0), five on the upper lid, outer canthus (6), five on the lower lid back. The orbit's
rings are points; on the lids only the view from the front is drawn, and they stand at a height over the eyeball.
"""

from emotag.head.open_head.anatomy import Line

LID_STATIONS, OUTER_CANTHUS = 12, 6

ORBIT_RINGS: tuple[tuple[str, Line], ...] = (
    ("orbit", (
        (13, 4.5, 75.6), (15.2, 13, 77.2), (21.5, 20, 78.8), (30.5, 22.8, 78), (39.5, 22, 74.3), (47.2, 17.2, 68),
        (51.5, 5.5, 60.6), (47.5, -3, 64.6), (40, -7.5, 69), (31, -9, 71.8), (22, -7.5, 73.6), (16, -2, 74.8),
    )),
    ("fold", (  # the lid fold above, the lower lid's furrow below
        (15.4, 4.3, 72.6), (17.8, 9.9, 73), (22.8, 14.7, 74), (30.3, 17.1, 74.3), (38.3, 16.5, 71.9),
        (45.4, 12.4, 66.8), (48.2, 5.6, 62.2), (45.3, 0.2, 65.2), (39.3, -3, 69.2), (31.5, -4, 71.6), (24, -3, 72.4),
        (18.3, 0.4, 72),
    )),
    ("crease", (  # under the fold
        (17, 4.1, 71), (18.8, 9.2, 71.3), (23.3, 14.2, 71.3), (30.4, 16.7, 71), (37.9, 16.1, 69.2),
        (44.3, 11.9, 65.3), (46.7, 5.7, 62.9), (44.2, 1.6, 65.9), (38.9, -1, 69.9), (31.6, -2, 72.1),
        (24.6, -1.2, 72.5), (19.5, 1.4, 71.4),
    )),
)  # fmt: skip

Flat = tuple[float, float]
LID_RINGS: tuple[tuple[str, float, float, tuple[Flat, ...]], ...] = (
    # name, height over the eyeball, share of LID_LIFT, (x, y) by station
    ("lash skin", 2.5, 1.0, (
        (17.6, 4), (20.3, 9.1), (24.6, 12.7), (30.7, 14.1), (37.2, 13.4), (42.8, 10.4), (45.8, 5.7), (42.8, 2.2),
        (37.8, 0.5), (31.5, -0.1), (25.2, 0.5), (20.2, 2.1),
    )),
    ("lash line", 2.2, 1.0, (
        (18.4, 3.9), (21.3, 7.8), (25.3, 10.9), (30.8, 12.1), (36.8, 11.4), (41.6, 9.1), (44.7, 5.8), (41.6, 3.1),
        (37, 1.7), (31.5, 1.2), (26, 1.7), (21.6, 2.9),
    )),
    ("lid margin", 1.0, 0.45, (
        (20.6, 4.5), (22.2, 7.2), (25.5, 10.4), (30.8, 11.6), (36.6, 10.9), (41, 8.7), (43.6, 5.9), (41, 3.4),
        (36.8, 2.1), (31.5, 1.6), (26.2, 2.1), (22.4, 3.3),
    )),
    ("conjunctiva", -0.5, 0.3, (
        (20, 4.6), (21.3, 8.9), (25, 12.9), (30.8, 14.3), (37, 13.5), (41.3, 9.7), (42.7, 5.9), (41.3, 2.3),
        (37.2, -0.4), (31.5, -1), (25.6, -0.4), (21.4, 1.8),
    )),
)  # fmt: skip
LID_LIFT = (2.6, 0.8, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.8)
"""Skin stands further off the ball near the lacrimal caruncle (by station)."""
