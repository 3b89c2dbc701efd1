"""The geometry engines by name: what each needs, and how the chosen one is made."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotag.external.need import Engine, Need, require
from emotag.perception.geometry.estimator import GeometryEstimator
from emotag.perception.geometry.settings import GeometrySettings

if TYPE_CHECKING:
    from emotag.perception.geometry.tracked_mesh import TrackedMesh

_LICENCE = "Sapiens License (CC BY-NC 4.0): research only"
_HUB = "https://huggingface.co/facebook"


_PUBLISHED = re.compile(r"sapiens_(0\.3b|0\.6b|1b|2b)_(normal_)?render_people_epoch_\d+_torchscript\.pt2")
"""The names of Meta's files. Each size and kind has a repository of its own."""
_SHA256 = {
    "sapiens_0.3b_render_people_epoch_100_torchscript.pt2":
        "65054e6b6083171b1edf39a9786e34a47f3bfb28c1e0098f73de2ef823b7286e",
}  # fmt: skip
_MEGABYTES = {
    ("depth", "0.3b"): 1280, ("normal", "0.3b"): 1360, ("normal", "0.6b"): 2690, ("normal", "1b"): 4720,
    ("normal", "2b"): 8710,
}  # fmt: skip


def _sapiens_needs(settings: GeometrySettings) -> tuple[Need, ...]:
    own = settings.sapiens
    return tuple(_network(kind, path) for kind, path in (("depth", own.depth), ("normal", own.normal)))


def _network(kind: str, path: Path) -> Need:
    """Describe a network's file; an address has only what is named as Meta names it."""
    what, named = f"Sapiens' {kind} network", _PUBLISHED.fullmatch(path.name)
    if named is None or (named[2] is not None) != (kind == "normal"):
        return Need("file", str(path), what, _LICENCE, f"{_HUB}/sapiens-{kind}-0.3b-torchscript, or a larger one")
    repository = f"{_HUB}/sapiens-{kind}-{named[1]}-torchscript"
    return Need(
        "file", str(path), what, _LICENCE, repository, _MEGABYTES.get((kind, named[1])),
        f"{repository}/resolve/main/{path.name}", _SHA256.get(path.name),
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
