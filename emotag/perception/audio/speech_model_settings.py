"""Settings of the audio engines that are self-supervised speech networks: wav2vec 2.0 and HuBERT."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from emotag.settings import Settings

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names that Hugging Face gives a model's weights; the first one that is there is read."""


class SpeechModelSettings(Settings):
    """Where the network lies and how a long sound goes through it."""

    folder: Path
    """Local folder in Hugging Face's layout: config.json and the weights. Nothing is ever downloaded."""
    layer: int | None = Field(None, ge=1)
    """Transformer layer whose output is the feature, counted from 1; null is the last one."""
    chunk_s: float = Field(10.0, ge=0.4)
    """Seconds whose features one pass of the network gives. It bounds memory."""
    context_s: float = Field(2.5, ge=0)
    """Seconds of sound that a pass hears before and after them."""
    batch: int = Field(4, ge=1)
    """Passes that run at once."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs; auto is CUDA when there is one."""

    def weight_file(self) -> Path:
        """Give the file of the weights: the one that is there, or else where it should be."""
        files = [self.folder / name for name in WEIGHT_FILES]
        return next((file for file in files if file.exists()), files[0])


class Wav2Vec2Settings(SpeechModelSettings):
    """wav2vec 2.0 (Baevski et al., 2020): what the paper uses."""

    folder: Path = Path("models/wav2vec2")
    """Local folder with config.json and model.safetensors, e.g. of facebook/wav2vec2-base-960h."""


class HubertSettings(SpeechModelSettings):
    """HuBERT (Hsu et al., 2021)."""

    folder: Path = Path("models/hubert")
    """Local folder with config.json and the weights, e.g. of facebook/hubert-base-ls960."""
