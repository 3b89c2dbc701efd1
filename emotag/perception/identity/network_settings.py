"""Settings of the identity engines that are recognition networks."""

from pathlib import Path

from emotag.settings import Settings


class AdaFaceSettings(Settings):
    """AdaFace's weights."""

    weights: Path = Path("models/adaface/adaface_ir50_ms1mv2.ckpt")
    """Its training checkpoint (.ckpt; IR-18 to IR-100), or an .onnx export of the network."""


class ArcFaceSettings(Settings):
    """insightface's ArcFace weights."""

    weights: Path = Path("models/insightface/w600k_r50.onnx")
    """The recognition network of one of insightface's model packs (buffalo_l)."""
