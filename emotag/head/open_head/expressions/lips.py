"""Actions of both lips as a whole: funnel (AU22), pucker (AU18), roll (AU28), shrug (AU17), sideways."""

from emotag.head.open_head.fields import Pull

LIPS: dict[str, tuple[Pull, ...]] = {
    # AU22, orbicularis oris: the lips turn out like a funnel and part.
    "mouthFunnel": (
        Pull("upper_lip", by=(0.0, 5.5, 4.0), reach=(11, 7, 12), lip="upper"),
        Pull("lower_lip", by=(0.0, -9.0, 3.0), reach=(12, 8, 12), lip="lower"),
        Pull("seam", by=(0.0, 0.0, 3.0), reach=(14, 9, 12)),
        Pull("corner", by=(-2.6, 1.0, 5.0), reach=(10, 10, 13)),
        Pull("nose_tip", by=(0.0, -2.5, -3.5), reach=(12, 9, 12)),
        Pull("chin", shift=(0, 10, 0), by=(0.0, -2.0, -2.5), reach=(12, 9, 12)),
        Pull("chin", shift=(0, -12, -40), by=(0.0, 2.0, 2.0), reach=(30, 12, 26)),
        Pull(("corner", "jaw_angle"), by=(-1.6, 1.2, 1.2), reach=(14, 14, 18)),
    ),
    # AU18, incisivi labii: the corners come together and the lips forward.
    "mouthPucker": (
        Pull("seam", by=(0.0, 0.2, 6.8), reach=(12, 9, 12)),
        Pull("corner", by=(-4.4, 1.6, 7.6), reach=(9, 10, 13)),
        Pull("corner", shift=(16, -6, -8), by=(-1.5, 1.2, 1.5), reach=(14, 14, 16)),
        Pull("nose_tip", by=(0.0, -1.8, -3.0), reach=(10, 8, 10)),
        Pull("chin", shift=(0, -14, -45), by=(0.0, 1.3, 1.3), reach=(26, 12, 26)),
        Pull("upper_lip", shift=(0, 3, 0), by=(0.0, 2.0, 1.0), reach=(12, 4, 10), lip="upper"),
        Pull("lower_lip", shift=(0, -2, 0), by=(0.0, -1.2, 0.5), reach=(10, 4, 10), lip="lower"),
    ),
    # AU28 of the lower lip: it is rolled in over the teeth, the skin under it follows upwards.
    "mouthRollLower": (
        Pull("lower_lip", shift=(0, 8, -5), by=(0.0, -3.0, -11.5), reach=(13, 5, 8), lip="lower"),
        Pull("lower_lip", shift=(0, -1, 0), by=(0.0, 8.0, -1.0), reach=(14, 7, 12), lip="lower"),
        Pull("lower_lip", shift=(0, -14, -2), by=(0.0, 5.0, 5.5), reach=(15, 6, 12), lip="lower"),
    ),
    # AU28 of the upper lip.
    "mouthRollUpper": (
        Pull("upper_lip", shift=(0, -8, -8), by=(0.0, 3.0, -7.8), reach=(15, 5, 9), lip="upper"),
        Pull("upper_lip", shift=(0, 3, 0), by=(0.0, -7.0, -3.0), reach=(15, 7, 12), lip="upper"),
        Pull("corner", shift=(1, 0, -2), by=(0.8, 0.8, -3.0), reach=(5, 6, 8)),
    ),
    # AU17, mentalis: the chin's boss is pushed up and the lower lip with it.
    "mouthShrugLower": (
        Pull("chin", shift=(0, 12, 4), by=(0.0, 8.5, 1.5), reach=(15, 11, 15), lip="lower"),
        Pull("lower_lip", shift=(0, 4, 0), by=(0.0, 4.0, 5.5), reach=(17, 8, 14), lip="lower"),
        Pull("upper_lip", shift=(0, -6, 0), by=(0.0, 4.5, 1.2), reach=(13, 5, 10), lip="upper"),
    ),
    # The upper lip is pushed up and out by the lower.
    "mouthShrugUpper": (Pull("upper_lip", shift=(0, -2, 0), by=(0.0, 5.8, 0.4), reach=(14, 9, 14), lip="upper"),),
}
"""Symmetric: pulls off the midline act on both sides."""

SIDEWAYS: dict[str, tuple[Pull, ...]] = {
    # The mouth slides around the teeth's arch: the leading corner turns back, the other comes forward.
    "mouth": (
        Pull("seam", by=(13.0, 0.5, -3.0), reach=(16, 14, 16)),
        Pull("corner", shift=(8, 4, 0), by=(1.0, 4.5, -2.0), reach=(14, 16, 18)),
    ),
}
"""Towards the side; the trailing half is in TRAILING."""

TRAILING: dict[str, tuple[Pull, ...]] = {
    "mouth": (Pull("corner", shift=(6, 0, 0), by=(-10.5, -0.4, 9.5), reach=(14, 14, 17)),),
}
"""On the other side, lateral away from it."""
