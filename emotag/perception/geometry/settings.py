"""Settings of the geometry pseudo ground truth."""

from typing import Literal

from emotag.settings import Settings


class GeometrySettings(Settings):
    """Where an adaptation clip's depth and normals come from (EmoTaG Eq. 14)."""

    engine: Literal["tracked-mesh"] = "tracked-mesh"
    """`tracked-mesh`: rendered from the tracked head."""
