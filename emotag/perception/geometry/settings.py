"""Settings of the geometry pseudo ground truth."""

from typing import Literal

from emotag.perception.geometry.sapiens_settings import SapiensSettings
from emotag.settings import Settings


class GeometrySettings(Settings):
    """Where an adaptation clip's depth and normals come from (EmoTaG Eq. 14)."""

    engine: Literal["tracked-mesh", "sapiens"] = "tracked-mesh"
    """`tracked-mesh`: rendered from the tracked head. `sapiens` (the paper's): estimated from the picture."""
    sapiens: SapiensSettings = SapiensSettings()
    """The engine sapiens."""
