"""The metrics that need networks: what each needs, and how it is made or why it is not measured."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotag.external.need import Engine, Need, missing, require
from emotag.metrics.lpips_settings import LpipsSettings
from emotag.metrics.sync_settings import SyncSettings

if TYPE_CHECKING:
    from emotag.metrics.lpips import Lpips
    from emotag.metrics.sync import SyncScorer


@dataclass(frozen=True)
class Unmeasured:
    """Why a metric has no number, in words for a reader of the report."""

    reason: str  # "lacks …", "switched off …"


_SHA256 = {
    "alexnet-owt-7be5be79.pth": "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "alex.pth": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "syncnet_v2.model": "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
}
"""Of the publishers' files, under their names; a file of another name is somebody's own."""


def _lpips_needs(settings: LpipsSettings) -> tuple[Need, ...]:
    backbone, linear = settings.backbone_file(), settings.linear_file()
    return (
        Need("file", str(backbone), "AlexNet's ImageNet weights", "BSD-3-Clause (torchvision)",
             "torchvision's alexnet", 244, "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
             _SHA256.get(backbone.name)),
        Need("file", str(linear), "LPIPS' linear weights", "BSD-2-Clause",
             "weights/v0.1/alex.pth of github.com/richzhang/PerceptualSimilarity", 0.006,
             "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
             _SHA256.get(linear.name)),
    )  # fmt: skip


def _sync_needs(settings: SyncSettings) -> tuple[Need, ...]:
    return (
        Need("file", str(settings.weights), "SyncNet's weights", "MIT", "github.com/joonson/syncnet_python", 54,
             "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
             _SHA256.get(settings.weights.name)),
    )  # fmt: skip


ENGINES = (
    Engine(
        "metrics.lpips", "alexnet", "LPIPS 0.1, AlexNet", _lpips_needs, paper=True,
        cite="https://arxiv.org/abs/1801.03924",
    ),
    Engine("metrics.lpips", "none", "not measured", lambda settings: (), open=True),
    Engine(
        "metrics.sync", "syncnet", "SyncNet v2", _sync_needs, paper=True,
        cite="https://www.robots.ox.ac.uk/~vgg/publications/2016/Chung16a/",
    ),
    Engine("metrics.sync", "none", "not measured", lambda settings: (), open=True),
)  # fmt: skip
"""Networks that score."""


def make_lpips(settings: LpipsSettings) -> "Lpips | Unmeasured":
    """Make LPIPS, or say why not. Raises InputError when it was asked for by name and lacks something."""
    reason = _reason("alexnet", "metrics.lpips", settings)
    if reason:
        return Unmeasured(reason)
    from emotag.metrics.lpips import Lpips

    return Lpips(settings)


def make_sync(settings: SyncSettings) -> "SyncScorer | Unmeasured":
    """Make the lip-sync score, or say why not. Raises InputError when it was asked for by name and lacks something."""
    reason = _reason("syncnet", "metrics.sync", settings)
    if reason:
        return Unmeasured(reason)
    from emotag.metrics.sync import SyncScorer

    return SyncScorer(settings)


def _reason(name: str, task: str, settings: Any) -> str:
    """Say why a metric is not measured; empty when it is."""
    if settings.engine == "none":
        return f"switched off ({task}.engine is none)"
    engine = next(engine for engine in ENGINES if (engine.task, engine.name) == (task, name))
    if settings.engine == name:
        require(engine, settings, "none")
    absent = missing(engine, settings)
    return "lacks " + " and ".join(f"{need.what} ({need.name})" for need in absent) if absent else ""
