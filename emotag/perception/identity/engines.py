"""The engines of the stage `identity`, what they need, and how one is made."""

from pathlib import Path

from emotag.external.need import Engine, Need, require
from emotag.perception.identity.protocol import IdentityEngine, IdentitySettings

_BUFFALO = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip"
_W600K = "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"


def _nothing(settings: IdentitySettings) -> tuple[Need, ...]:
    return ()


def _adaface(settings: IdentitySettings) -> tuple[Need, ...]:
    path = settings.adaface.weights
    source = "https://github.com/mk-minchul/AdaFace, Pretrained Models: R50, MS1MV2"
    runtime = Need("package", "onnxruntime", "onnxruntime", "MIT", "pip install onnxruntime")
    weights = Need(
        "file", str(path), "AdaFace's weights", "MIT", source, megabytes=250 if path.suffix != ".onnx" else 170
    )
    return (runtime, weights) if path.suffix == ".onnx" else (weights,)


def _arcface(settings: IdentitySettings) -> tuple[Need, ...]:
    path = settings.arcface.weights
    known = {"url": _BUFFALO, "sha256": _W600K, "member": path.name} if path.name == "w600k_r50.onnx" else {}
    return (
        Need("package", "insightface", "the package insightface", "MIT", "pip install insightface"),
        Need("file", str(Path(path)), "ArcFace's weights", "non-commercial research", "buffalo_l.zip of "
             "https://github.com/deepinsight/insightface/releases/tag/v0.7", megabytes=174, **known),
    )  # fmt: skip


ENGINES = (
    Engine("identity", "descriptor", "proportions and colours of the face", _nothing, open=True),
    Engine(
        "identity", "adaface", "AdaFace", _adaface, paper=True,
        cite="Kim, Jain, Liu: AdaFace, CVPR 2022, arXiv:2204.00964",
    ),
    Engine("identity", "arcface", "ArcFace by insightface", _arcface, cite="Deng et al.: ArcFace, CVPR 2019"),
)  # fmt: skip


def make_identity(settings: IdentitySettings) -> IdentityEngine:
    """Make the chosen engine. Raises InputError when it lacks something, or its weights are another network's."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "descriptor")
    if settings.engine == "adaface":
        from emotag.perception.identity.adaface import AdaFace

        return AdaFace(settings.adaface)
    if settings.engine == "arcface":
        from emotag.perception.identity.arcface import ArcFace

        return ArcFace(settings.arcface)
    from emotag.perception.identity.descriptor import Descriptor

    return Descriptor(settings)
