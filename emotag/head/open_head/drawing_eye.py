"""Drawing of the left eye: rings from the orbit over the lid fold and the lids' margins inwards. Millimetres.

Stations around: inner canthus (0), five on the upper lid, outer canthus (6), five on the lower lid back. The orbit's
rings are points; on the lids only the view from the front is drawn, and they stand at a height over the eyeball.
"""

from emotag.head.open_head.anatomy import Line

LID_STATIONS, OUTER_CANTHUS = 12, 6

ORBIT_RINGS: tuple[tuple[str, Line], ...] = (
    ("orbit", (
        (12.4, 4.4, 76.2), (14.6, 13, 77.4), (21, 20.2, 79), (30.5, 23, 78.2), (39.8, 22.2, 74.4), (48, 17.2, 67.6),
        (53, 5.4, 59.4), (48.3, -3.2, 64.2), (40.3, -7.6, 69), (31, -9, 71.8), (21.8, -7.6, 73.8), (15.4, -2, 75.2),
    )),
    ("fold", (  # the lid fold above, the lower lid's furrow below
        (14.5, 4.1, 73.3), (17, 9.9, 73.4), (22.3, 14.9, 74.1), (30.3, 17.3, 74.3), (38.7, 16.7, 71.9),
        (46.2, 12.5, 66.7), (49.6, 5.5, 61.7), (46.2, 0, 64.9), (39.7, -3.1, 69.2), (31.5, -4.1, 71.6),
        (23.7, -3.1, 72.5), (17.5, 0.3, 72.5),
    )),
    ("crease", (  # under the fold
        (16, 3.9, 71.7), (18, 9.2, 71.6), (22.8, 14.4, 71.3), (30.4, 16.9, 71), (38.2, 16.3, 69.2),
        (45.2, 12, 65.1), (48, 5.7, 62.4), (45.1, 1.4, 65.7), (39.3, -1.1, 69.9), (31.6, -2.1, 72.1),
        (24.3, -1.3, 72.6), (18.7, 1.3, 71.8),
    )),
)  # fmt: skip

Flat = tuple[float, float]
LID_RINGS: tuple[tuple[str, float, float, tuple[Flat, ...]], ...] = (
    # name, height over the eyeball, share of LID_LIFT, (x, y) by station
    ("lash skin", 2.5, 1.0, (
        (16.7, 3.7), (19.6, 9), (24.2, 12.8), (30.7, 14.3), (37.5, 13.5), (43.7, 10.5), (47, 5.7), (43.7, 2.1),
        (38.2, 0.4), (31.5, -0.2), (24.9, 0.4), (19.4, 2),
    )),
    ("lash line", 2.2, 1.0, (
        (17.5, 3.6), (20.6, 7.7), (24.9, 11), (30.8, 12.3), (37.1, 11.5), (42.5, 9.2), (45.8, 5.8), (42.5, 3.1),
        (37.4, 1.6), (31.5, 1.1), (25.7, 1.6), (20.8, 2.8),
    )),
    ("lid margin", 1.0, 0.45, (
        (19.8, 4.3), (21.6, 7.2), (25.1, 10.5), (30.8, 11.8), (36.9, 11), (41.9, 8.8), (44.6, 5.9), (41.9, 3.4),
        (37.2, 2), (31.5, 1.5), (25.9, 2), (21.6, 3.2),
    )),
    ("conjunctiva", -0.5, 0.3, (
        (19.5, 4.5), (20.9, 8.8), (24.8, 12.9), (30.8, 14.4), (37.1, 13.5), (41.6, 9.7), (42.9, 5.9), (41.6, 2.3),
        (37.4, -0.4), (31.5, -1), (25.4, -0.4), (20.9, 1.8),
    )),
)  # fmt: skip
LID_LIFT = (2.9, 0.9, 0.2, 0.0, 0.0, 0.2, 1.0, 0.2, 0.0, 0.0, 0.2, 0.9)
"""Skin stands further off the ball near the lacrimal caruncle and at the outer canthus (by station)."""
