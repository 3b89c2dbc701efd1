"""The geometry engines by name: what each needs, and how the chosen one is made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from emotag.external.need import Engine, Need, require
from emotag.perception.geometry.estimator import GeometryEstimator
from emotag.perception.geometry.settings import GeometrySettings

if TYPE_CHECKING:
    from emotag.perception.geometry.tracked_mesh import TrackedMesh

_LICENCE = "Sapiens License (CC BY-NC 4.0): research only"
_HUB = "https://huggingface.co/facebook"


def _sapiens_needs(settings: GeometrySettings) -> tuple[Need, ...]:
    own = settings.sapiens
    return tuple(
        Need("file", str(path), f"Sapiens' {kind} network", _LICENCE, f"{_HUB}/sapiens-{kind}-0.3b-torchscript",
             megabytes, f"{_HUB}/sapiens-{kind}-0.3b-torchscript/resolve/main/{path.name}")
        for kind, path, megabytes in (("depth", own.depth, 1400), ("normal", own.normal, 1400))
    )  # fmt: skip


ENGINES = (
    Engine("geometry", "tracked-mesh", "rendered from the tracked head", lambda settings: (), open=True),
    Engine(
        "geometry", "sapiens", "Sapiens 0.3B depth and normal", _sapiens_needs, paper=True,
        cite="https://arxiv.org/abs/2408.12569",
    ),
)  # fmt: skip
"""Ways to a clip's depth and normals."""


def make_geometry(
    settings: GeometrySettings,
    tracked: "TrackedMesh",
    person: Iterable[np.ndarray],  # of every frame (H, W) uint8 alpha; only read by engines that need it
) -> GeometryEstimator:
    """Make the chosen engine. Raises InputError with what it lacks and where that goes."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "tracked-mesh")
    if settings.engine == "tracked-mesh":
        return tracked
    from emotag.perception.geometry.sapiens import Sapiens

    return Sapiens(settings.sapiens, person, tracked)
