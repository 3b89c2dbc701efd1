"""The audio engines by name: what each needs, and how the chosen one is made."""

from emotag.external.need import Engine, Need, require
from emotag.perception.audio.protocol import AudioEngine, AudioSettings
from emotag.perception.audio.speech_model_settings import SpeechModelSettings

_APACHE = "Apache-2.0"
_HUB = "https://huggingface.co"


def _needs(
    settings: SpeechModelSettings,
    title: str,
    model: str,  # on the Hugging Face hub
    weights: str,  # the file that the hub has
    megabytes: float,
) -> tuple[Need, ...]:
    source = f"{_HUB}/{model}"
    file = settings.weight_file()
    if not file.exists():
        file = settings.folder / weights
    return (
        Need("package", "transformers", "the package transformers", _APACHE, "pip install transformers"),
        Need("file", str(settings.folder / "config.json"), f"the description of {title}", _APACHE, source, 0.002,
             f"{source}/resolve/main/config.json"),
        Need("file", str(file), f"the weights of {title}", _APACHE, source, megabytes,
             f"{source}/resolve/main/{weights}"),
    )  # fmt: skip


ENGINES = (
    Engine("audio", "open", "log-mel, prosody and phones (librosa, pocketsphinx)", lambda settings: (), open=True),
    Engine(
        "audio", "wav2vec2", "wav2vec 2.0",
        lambda settings: _needs(settings.wav2vec2, "wav2vec 2.0", "facebook/wav2vec2-base-960h",
                                "model.safetensors", 378),
        paper=True, cite="https://arxiv.org/abs/2006.11477",
    ),
    Engine(
        "audio", "hubert", "HuBERT",
        lambda settings: _needs(settings.hubert, "HuBERT", "facebook/hubert-base-ls960", "pytorch_model.bin", 378),
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
