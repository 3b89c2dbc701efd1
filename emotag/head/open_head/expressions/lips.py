"""Actions of both lips as a whole: funnel (AU22), pucker (AU18), roll (AU28), shrug (AU17), sideways."""

from emotag.head.open_head.fields import Pull

LIPS: dict[str, tuple[Pull, ...]] = {
    # AU22, orbicularis oris: the lips turn out like a funnel and part.
    "mouthFunnel": (
        Pull("upper_lip", by=(0.0, 4.8, 5.0), reach=(11, 8, 14), lip="upper"),
        Pull("lower_lip", by=(0.0, -7.5, 3.5), reach=(12, 9, 14), lip="lower"),
        Pull("corner", by=(-1.8, 0.0, 3.6), reach=(10, 12, 14)),
        Pull("chin", shift=(0, 6, 0), by=(0.0, -3.5, -1.5), reach=(20, 12, 16)),
    ),
    # AU18, incisivi labii: the corners come together and the lips forward.
    "mouthPucker": (
        Pull("seam", by=(0.0, 0.6, 5.0), reach=(12, 9, 12)),
        Pull("corner", by=(-3.6, 1.6, 6.5), reach=(9, 10, 14)),
        Pull("corner", shift=(16, -6, -8), by=(-2.4, 1.8, 2.2), reach=(16, 16, 18)),
        Pull("upper_lip", by=(0.0, 2.2, 1.2), reach=(12, 6, 10), lip="upper"),
        Pull("lower_lip", by=(0.0, -1.2, 0.5), reach=(10, 5, 10), lip="lower"),
    ),
    # AU28 of the lower lip: it is rolled in over the teeth, the skin under it follows upwards.
    "mouthRollLower": (
        Pull("lower_lip", shift=(0, 8, -3), by=(0.0, 0.5, -13.0), reach=(14, 5, 10), lip="lower"),
        Pull("lower_lip", shift=(0, -4, 0), by=(0.0, 9.0, 2.0), reach=(15, 8, 14), lip="lower"),
    ),
    # AU28 of the upper lip.
    "mouthRollUpper": (
        Pull("upper_lip", shift=(0, -8, -4), by=(0.0, 2.5, -8.5), reach=(15, 6, 10), lip="upper"),
        Pull("upper_lip", shift=(0, 3, 0), by=(0.0, -5.5, -2.5), reach=(16, 8, 14), lip="upper"),
    ),
    # AU17, mentalis: the chin's boss is pushed up and the lower lip with it.
    "mouthShrugLower": (
        Pull("chin", shift=(0, 12, 4), by=(0.0, 8.0, 2.0), reach=(16, 14, 18), lip="lower"),
        Pull("lower_lip", shift=(0, 4, 0), by=(0.0, 4.0, 4.0), reach=(15, 8, 14), lip="lower"),
    ),
    # The upper lip is pushed up and out by the lower.
    "mouthShrugUpper": (Pull("upper_lip", shift=(0, -2, 0), by=(0.0, 5.8, 0.4), reach=(14, 9, 14), lip="upper"),),
}
"""Symmetric: pulls off the midline act on both sides."""

SIDEWAYS: dict[str, tuple[Pull, ...]] = {
    # The mouth slides around the teeth's arch: the leading corner turns back, the other comes forward.
    "mouth": (
        Pull("seam", by=(11.0, 0.5, -2.5), reach=(16, 14, 18)),
        Pull("corner", by=(2.0, 4.0, -2.5), reach=(14, 14, 18)),
    ),
}
"""Towards the side; the trailing half is in TRAILING."""

TRAILING: dict[str, tuple[Pull, ...]] = {
    "mouth": (Pull("corner", shift=(6, 0, 0), by=(-10.0, -0.2, 8.5), reach=(15, 15, 18)),),
}
"""On the other side, lateral away from it."""
