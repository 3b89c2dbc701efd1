"""Drawing of neck and shoulders: half rings from the throat down to the cut. Millimetres.

Stations along half a ring: front midline (0) round the left side to the back midline (7).
"""

from emotag.head.open_head.anatomy import Line

NECK_STATIONS = 8
NECK_RINGS: tuple[tuple[str, Line], ...] = (
    ("throat", (
        (0, -125.5, 22.5), (16, -123.5, 18.5), (32, -118.5, 8), (47, -110, -12), (55, -105, -35), (52, -104, -58),
        (32, -104, -77), (0, -106, -84),
    )),
    ("mid neck", (
        (0, -132, 18.5), (17, -131, 15.5), (34, -129, 5), (50, -125, -14), (58, -124, -37), (55, -126, -60),
        (34, -128, -80), (0, -130, -87),
    )),
    ("neck base", (
        (0, -138, 15.5), (18, -139, 13.5), (37, -141, 3), (55, -143, -17), (66, -146, -40), (61, -152, -65),
        (36, -160, -86), (0, -163, -93),
    )),
    ("notch", (
        (0, -149, 18.5), (22, -150, 20), (48, -154, 5), (76, -155, -15), (88, -157, -43), (77, -166, -75),
        (42, -175, -97), (0, -178, -102),
    )),
    ("clavicle", (
        (0, -163, 27), (32, -160, 32), (70, -161, 24), (110, -165, -8), (122, -168, -45), (102, -180, -86),
        (52, -190, -108), (0, -193, -111),
    )),
    ("shoulder", (
        (0, -181, 40), (40, -181, 45), (90, -183, 33), (145, -182, -5), (160, -184, -46), (132, -195, -94),
        (62, -203, -116), (0, -205, -118),
    )),
    ("cut", (
        (0, -212, 50), (45, -212, 55), (103, -212, 42), (166, -212, -1), (183, -212, -47), (150, -212, -97),
        (70, -212, -119), (0, -212, -122),
    )),
)  # fmt: skip
STERNOMASTOID: tuple[tuple[float, float], ...] = (
    (3.3, 1.5), (2.3, 3.0), (1.35, 3.5), (0.8, 1.0), (0.5, 0.0), (0.5, 0.0), (0.5, 0.0),
)  # fmt: skip
"""By ring: the station where the muscle crosses it on its way from the mastoid to the sternum, and how far it stands
out there."""
STERNOMASTOID_HALF_WIDTH = 0.45
"""Stations."""
