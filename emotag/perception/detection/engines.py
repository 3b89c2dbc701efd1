"""The engines of the stage `crop`, what they need, and how one is made."""

from pathlib import Path
from typing import Any

from emotag.external.need import Engine, Need, require
from emotag.perception.crop_settings import CropSettings
from emotag.perception.detection.detector import FaceDetector

_BUFFALO = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip"
_DET_10G = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"


def _nothing(settings: CropSettings) -> tuple[Need, ...]:
    return ()


def _insightface(settings: CropSettings) -> tuple[Need, ...]:
    path = settings.insightface.weights
    known: dict[str, Any] = {}
    if path.name == "det_10g.onnx":
        known = {"url": _BUFFALO, "sha256": _DET_10G, "member": path.name, "megabytes": 17}
    return (
        Need("package", "insightface", "the package insightface", "MIT", "pip install insightface"),
        Need(
            "file", str(path), "SCRFD's weights", "non-commercial research",
            "buffalo_l.zip of https://github.com/deepinsight/insightface/releases/tag/v0.7", **known,
        ),
    )  # fmt: skip


ENGINES = (
    Engine("crop", "blazeface", "BlazeFace", _nothing, open=True, cite="Bazarevsky et al., arXiv:1907.05047"),
    Engine(
        "crop", "insightface", "SCRFD by insightface", _insightface, paper=True,
        cite="Guo, Deng, Lattas, Zafeiriou: SCRFD, ICLR 2022, arXiv:2105.04714",
    ),
)  # fmt: skip


def make_detector(
    settings: CropSettings,
    open_models: Path,  # folder of the open networks
) -> FaceDetector:
    """Make the chosen detector. Raises InputError when it lacks something."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "blazeface")
    if settings.engine == "insightface":
        from emotag.perception.detection.scrfd import Scrfd

        return Scrfd(settings.insightface, min_score=settings.min_score)
    from emotag.perception.detection.blazeface import BlazeFace

    return BlazeFace(open_models, min_score=settings.min_score)
