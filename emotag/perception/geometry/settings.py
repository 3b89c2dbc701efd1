"""Settings of the geometry pseudo ground truth."""

from pathlib import Path
from typing import Literal

from emotag.settings import Settings


class GeometrySettings(Settings):
    """Where an adaptation clip's depth and normals come from (EmoTaG Eq. 14)."""

    engine: Literal["tracked-mesh", "sapiens"] = "tracked-mesh"
    """`tracked-mesh`: rendered from the tracked head; `sapiens`: the paper's network, needs its TorchScript files."""

    sapiens_depth: Path | None = None
    """Sapiens' depth network (`…_render_people_…_torchscript.pt2`)."""

    sapiens_normal: Path | None = None
    """Sapiens' normal network (`…_normal_render_people_…_torchscript.pt2`)."""
