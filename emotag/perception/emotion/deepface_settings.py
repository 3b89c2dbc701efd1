"""Settings of the DeepFace engine."""

from pathlib import Path

from pydantic import Field

from emotag.settings import Settings


class DeepFaceSettings(Settings):
    """DeepFace's emotion network, and how faces are cut out for it."""

    home: Path = Path("models/deepface")
    """What DEEPFACE_HOME is while it loads: the weights lie in .deepface/weights below it."""
    margin: float = Field(0.0, ge=-0.3, le=1.0)
    """Added around the box of the landmarks on every side, share of the box (DeepFace's own detectors: 0)."""
    level: bool = True
    """Turn faces until the eyes are level, as DeepFace does with its own detectors."""
    batch: int = Field(32, ge=1)
    """Faces read at once."""

    @property
    def weights(self) -> Path:
        """Where DeepFace looks for the network."""
        return self.home / ".deepface" / "weights" / "facial_expression_model_weights.onnx"
