"""Settings of insightface's detector."""

from pathlib import Path

from pydantic import Field

from emotag.settings import Settings


class InsightFaceSettings(Settings):
    """SCRFD's weights, and how it looks at a picture."""

    weights: Path = Path("models/insightface/det_10g.onnx")
    """The detection network of one of insightface's model packs (buffalo_l)."""
    sides: tuple[int, ...] = Field((128, 640), min_length=1)
    """Sides in pixels, multiples of 32, of the squares that a picture is fitted into; near faces fill the small one."""
    overlap: float = Field(0.4, gt=0, lt=1)
    """Of two finds that overlap more than this the better one stays."""
