"""Nose and cheeks: sneer (AU9), raised cheeks (AU6), cheeks blown out (AD34)."""

from emotag.head.open_head.fields import Pull

NOSE_CHEEK: dict[str, tuple[Pull, ...]] = {
    # AU6, orbicularis oculi pars orbitalis: the whole cheek rises to the lower lid and bulges over the cheekbone.
    "cheekRaiser": (
        Pull(("eye_outer", "corner"), shift=(14, 8, -4), by=(-1.0, 4.5, 1.6), reach=(18, 18, 22)),
        Pull("lid_lower", shift=(4, -14, 0), by=(-0.4, 2.2, 0.8), reach=(14, 9, 16)),
        Pull("jaw_angle", by=(0.3, 2.0, 1.5), reach=(18, 22, 30)),
        Pull("ala", shift=(16, -6, -8), by=(1.0, 0.8, -2.2), reach=(8, 12, 14)),
    ),
    # The same muscle's narrower part, without the lids.
    "cheekSquint": (
        Pull(("eye_outer", "corner"), shift=(14, 8, -4), by=(-1.0, 4.2, 1.6), reach=(18, 18, 22)),
        Pull("lid_lower", shift=(4, -14, 0), by=(-0.4, 1.6, 0.6), reach=(13, 8, 16)),
        Pull("jaw_angle", by=(0.3, 1.6, 1.4), reach=(18, 22, 30)),
        Pull("ala", shift=(16, -6, -8), by=(1.0, 0.5, -2.2), reach=(8, 12, 14)),
    ),
    # AD34, air held by buccinator and orbicularis oris: cheek and lip corner are blown out, the midline stays.
    "cheekPuff": (
        Pull("corner", shift=(3, -1, 0), by=(-2.5, 0.8, 6.5), out=4.5, reach=(10, 11, 14)),
        Pull(("corner", "jaw_angle"), by=(0.0, 1.0, 3.0), out=4.5, reach=(16, 15, 18)),
        Pull("jaw_side", by=(0.0, 2.5, 2.5), reach=(16, 14, 20)),
        Pull("ala", shift=(14, -4, -6), by=(-0.5, 1.2, 2.5), out=1.5, reach=(11, 9, 14)),
        Pull("seam", by=(0.0, 0.4, 3.0), reach=(9, 10, 12)),
    ),
    # AU9, levator labii superioris alaeque nasi: wing and root of the nose wrinkle up, lip and inner brow follow.
    "noseSneer": (
        Pull("ala", shift=(8, 0, -4), by=(-1.0, 6.5, 0.6), reach=(12, 14, 16)),
        Pull("nose_bridge", shift=(13, -10, -10), by=(-0.5, 3.5, 1.5), reach=(10, 12, 16)),
        Pull("upper_lip_side", shift=(2, 0, -2), by=(0.0, 4.5, 0.0), reach=(12, 9, 14), lip="upper"),
        Pull(("eye_outer", "corner"), shift=(6, -6, 0), by=(-0.8, 4.5, 1.8), reach=(16, 18, 20)),
        Pull("brow_inner", by=(-0.4, -2.4, 0.2), reach=(12, 9, 14)),
    ),
}
