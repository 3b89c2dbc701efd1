"""The engines of the stage `emotion`, what they need, and how one is made."""

from emotag.external.need import Engine, Need, require
from emotag.perception.emotion.protocol import EmotionEngine, EmotionSettings

_RELEASE = "https://github.com/serengil/deepface_models/releases/download/v1.0/"


def _nothing(settings: EmotionSettings) -> tuple[Need, ...]:
    return ()


def _deepface(settings: EmotionSettings) -> tuple[Need, ...]:
    path = settings.deepface.weights
    return (
        Need("package", "deepface", "the package deepface", "MIT", "pip install deepface"),
        Need("package", "onnxruntime", "onnxruntime", "MIT", "pip install onnxruntime"),
        Need(
            "file", str(path), "DeepFace's emotion network", "MIT", "https://github.com/serengil/deepface_models, v1.0",
            megabytes=6, url=_RELEASE + path.name,
        ),
    )  # fmt: skip


ENGINES = (
    Engine("emotion", "emfacs", "EMFACS rules over action units", _nothing, open=True),
    Engine(
        "emotion", "deepface", "DeepFace", _deepface, paper=True,
        cite="Serengil, Ozpinar: HyperExtended LightFace, ICEET 2021",
    ),
)  # fmt: skip


def make_emotion(settings: EmotionSettings) -> EmotionEngine:
    """Make the chosen engine. Raises InputError when it lacks something."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "emfacs")
    if settings.engine == "deepface":
        from emotag.perception.emotion.deepface import DeepFaceEmotion

        return DeepFaceEmotion(settings.deepface)
    from emotag.perception.emotion.emfacs import Emfacs

    return Emfacs(settings)
