"""Brows: frontalis lifts them inside (AU1) and outside (AU2), corrugator and depressor draw them down and in (AU4)."""

from emotag.head.open_head.fields import Pull

BROW: dict[str, tuple[Pull, ...]] = {
    # AU4, the corrugator's part: the middle of the brow is drawn in and down over the orbit's edge.
    "browDown": (
        Pull("brow_middle", by=(-3.6, -5.0, 2.4), reach=(10, 8, 14)),
        Pull("brow_outer", by=(-2.5, -1.0, 3.0), reach=(11, 10, 16)),
        Pull("brow_inner", by=(-2.2, -5.2, 2.0), reach=(9, 9, 12)),
        Pull("brow_middle", shift=(0, 20, -6), by=(-1.0, -1.5, 1.0), reach=(16, 14, 18)),
    ),
    # AU1, frontalis medialis: the inner brow rises, the skin of the forehead gathers above it.
    "browInnerUp": (
        Pull("brow_inner", by=(0.5, 4.5, -0.3), reach=(9, 10, 12)),
        Pull("brow_inner", shift=(6, 18, -6), by=(0.4, 1.8, 0.3), reach=(14, 9, 16)),
        Pull("brow_inner", shift=(0, 48, -16), by=(0.0, -1.6, 1.6), reach=(22, 13, 24)),
        Pull("nasion", shift=(10, -14, -6), by=(-0.1, 0.8, -0.2), reach=(14, 14, 16)),
        Pull("brow_outer", by=(-0.2, 0.8, -0.1), reach=(10, 8, 12)),
    ),
    # AU2, frontalis lateralis: the outer brow rises and arches.
    "browOuterUp": (
        Pull(("brow_middle", "brow_outer"), by=(1.5, 7.0, -2.2), reach=(12, 9, 14)),
        Pull("brow_outer", shift=(2, 10, -8), by=(0.8, 3.0, -1.5), reach=(14, 16, 20)),
        Pull("brow_middle", shift=(-4, 22, -6), by=(0.5, 1.5, 0.2), reach=(14, 12, 18)),
    ),
}
