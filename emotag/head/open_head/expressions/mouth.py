"""The corners of the mouth and the lips of one side: smile (AU12), frown (AU15), dimple (AU14), stretch (AU20), …"""

from emotag.head.open_head.fields import Pull

CORNERS: dict[str, tuple[Pull, ...]] = {
    # AU12, zygomaticus major: the corner goes up and back over the teeth, the cheek is pushed out above it.
    "mouthSmile": (
        Pull("corner", by=(5.5, 7.0, -7.5), reach=(12, 12, 16)),
        Pull("corner", shift=(16, 14, -8), by=(3.5, 3.0, 0.5), out=2.5, reach=(14, 14, 18)),
        Pull("corner", shift=(14, -16, -14), by=(2.0, 4.5, -0.5), reach=(16, 16, 20)),
        Pull("ala", shift=(10, -2, -4), by=(1.5, 2.0, -2.5), reach=(8, 8, 12)),
        Pull("seam", by=(0.0, 1.4, -0.8), reach=(10, 12, 14)),
    ),
    # AU15, triangularis (depressor anguli oris): the corner goes down, the fold under it deepens.
    "mouthFrown": (
        Pull("corner", by=(1.6, -4.8, -2.0), reach=(10, 10, 14)),
        Pull("corner", shift=(2, 16, 0), by=(0.0, -1.5, -0.8), reach=(12, 9, 14)),
        Pull("corner", shift=(-4, -22, 0), by=(0.0, 0.0, 1.8), reach=(12, 9, 14)),
    ),
    # AU14, buccinator: the corner is drawn in and back against the teeth, a dimple beside it.
    "mouthDimple": (
        Pull("corner", shift=(0, -2, 0), by=(0.3, 2.0, -6.2), reach=(7, 8, 12)),
        Pull("corner", shift=(14, -6, -6), by=(-1.8, 2.2, 1.0), reach=(9, 10, 12)),
        Pull("upper_lip_side", by=(0.9, -1.6, 0.2), reach=(8, 6, 10), lip="upper"),
        Pull("corner", shift=(18, 22, -8), by=(1.8, 0.5, 2.0), out=1.8, reach=(12, 12, 16)),
        Pull("chin", shift=(20, 6, -12), by=(0.6, 1.2, 1.8), reach=(11, 9, 13)),
        Pull("corner", shift=(-4, -14, 2), by=(1.5, 3.2, -1.5), reach=(10, 12, 14)),
        Pull("ala", shift=(10, -6, -2), by=(1.0, 0.2, 1.4), reach=(8, 8, 14)),
    ),
    # AU20, risorius and platysma: the corner is stretched straight back and slightly down.
    "mouthStretch": (
        Pull("corner", by=(6.0, -2.4, -6.0), reach=(11, 11, 15)),
        Pull("corner", shift=(16, -10, -12), by=(2.8, 0.5, 0.0), reach=(16, 18, 20)),
        Pull("ala", shift=(10, -6, -2), by=(1.0, -0.3, -0.8), reach=(9, 9, 12)),
        Pull("lower_lip", shift=(0, -10, 0), by=(0.0, 1.2, 0.2), reach=(14, 8, 12), lip="lower"),
    ),
    # AU24, orbicularis oris: the lips are pressed together; the chin follows the lower lip upwards.
    "mouthPress": (
        Pull("lower_lip_side", shift=(4, -22, -6), by=(-0.3, 3.6, 1.4), reach=(12, 10, 13)),
        Pull("lower_lip_side", by=(-0.1, 1.5, 0.5), reach=(10, 6, 10), lip="lower"),
        Pull("corner", shift=(8, 0, -3), by=(0.7, 1.0, 0.4), reach=(10, 10, 13)),
        Pull("chin", shift=(12, 0, -14), by=(0.0, 0.6, 1.0), reach=(14, 10, 14)),
        Pull("upper_lip", shift=(6, 0, 0), by=(-0.5, -0.5, -0.2), reach=(10, 5, 10), lip="upper"),
        Pull("ala", shift=(16, -6, -8), by=(1.2, 0.4, 1.4), reach=(7, 8, 12)),
        Pull("nose_tip", shift=(6, 0, -4), by=(-0.3, -0.8, -1.2), reach=(7, 9, 10)),
        Pull("jaw_side", by=(-1.0, 0.0, -0.4), reach=(12, 12, 14)),
    ),
    # AU16, depressor labii inferioris: the lower lip is drawn down off the lower teeth.
    "mouthLowerDown": (
        Pull("lower_lip_side", by=(0.4, -3.4, -0.6), reach=(12, 10, 14), lip="lower"),
        Pull("lower_lip_side", shift=(2, -18, -4), by=(1.0, -2.4, -1.4), reach=(14, 12, 14)),
    ),
    # AU10, levator labii superioris: the upper lip rises, the fold from nose to mouth deepens and the cheek swells.
    "mouthUpperUp": (
        Pull("upper_lip_side", shift=(3, 2, -2), by=(1.2, 4.8, -0.2), reach=(11, 8, 14), lip="upper"),
        Pull("ala", shift=(8, -3, -4), by=(1.5, 5.0, -1.8), reach=(10, 10, 14)),
        Pull("corner", shift=(14, 20, -4), by=(0.5, 2.4, 1.5), reach=(14, 14, 18)),
        Pull("corner", shift=(3, 0, 0), by=(-0.4, 2.0, 0.4), reach=(9, 9, 12)),
    ),
}
