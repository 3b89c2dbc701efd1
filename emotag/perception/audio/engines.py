"""The audio engines by name: what each needs, and how the chosen one is made."""

from dataclasses import dataclass

from emotag.external.need import Engine, Need, require
from emotag.perception.audio.protocol import AudioEngine, AudioSettings
from emotag.perception.audio.speech_model_settings import SpeechModelSettings

_APACHE = "Apache-2.0"
_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class _Published:
    """A model on the Hugging Face hub, at one revision, so that the files stay those whose digests are known."""

    title: str
    model: str
    revision: str
    weights: str  # the file that the hub has
    sha256: str  # of the weights
    megabytes: float

    def needs(self, settings: SpeechModelSettings) -> tuple[Need, ...]:
        """List what an engine needs. Weights that are there may be another network's; what is fetched is checked."""
        source = f"{_HUB}/{self.model}"
        files = f"{source}/resolve/{self.revision}"
        file = settings.weight_file()
        known = None if file.exists() else self.sha256
        if not file.exists():
            file = settings.folder / self.weights
        return (
            Need("package", "transformers", "the package transformers", _APACHE, "pip install transformers"),
            Need("file", str(settings.folder / "config.json"), f"the description of {self.title}", _APACHE, source,
                 0.002, f"{files}/config.json"),
            Need("file", str(file), f"the weights of {self.title}", _APACHE, source, self.megabytes,
                 f"{files}/{self.weights}", known),
        )  # fmt: skip


_WAV2VEC2 = _Published(
    "wav2vec 2.0", "facebook/wav2vec2-base-960h", "22aad52d435eb6dbaf354bdad9b0da84ce7d6156", "model.safetensors",
    "8aa76ab2243c81747a1f832954586bc566090c83a0ac167df6f31f0fa917d74a", 378,
)  # fmt: skip
_HUBERT = _Published(
    "HuBERT", "facebook/hubert-base-ls960", "dba3bb02fda4248b6e082697eee756de8fe8aa8a", "pytorch_model.bin",
    "062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad", 378,
)  # fmt: skip

ENGINES = (
    Engine("audio", "open", "log-mel, prosody and phones (librosa, pocketsphinx)", lambda settings: (), open=True),
    Engine(
        "audio", "wav2vec2", "wav2vec 2.0", lambda settings: _WAV2VEC2.needs(settings.wav2vec2), paper=True,
        cite="https://arxiv.org/abs/2006.11477",
    ),
    Engine(
        "audio", "hubert", "HuBERT", lambda settings: _HUBERT.needs(settings.hubert),
        cite="https://arxiv.org/abs/2106.07447",
    ),
)  # fmt: skip
"""Ways to turn sound into rows."""


def make_audio(settings: AudioSettings) -> AudioEngine:
    """Make the chosen engine. Raises InputError with what it lacks and where that goes."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "open")
    if settings.engine == "open":
        from emotag.perception.audio.open import OpenAudio

        return OpenAudio(settings)
    from emotag.perception.audio.speech_model import SpeechModel

    return SpeechModel(settings.engine, settings)
