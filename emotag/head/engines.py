"""The head models by name, what they need, and how the chosen one is made."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from emotag.external.need import Engine, Need, require
from emotag.head.settings import HeadSettings

if TYPE_CHECKING:
    from emotag.head.landmark_fit import Detector
    from emotag.head.model import HeadModel

_FLAME_SITE = "https://flame.is.tue.mpg.de, after registration"
_FLAME_LICENCE = "FLAME's own: research, not commercial (2023 Open: CC BY 4.0)"
_ICT_SITE = "https://github.com/ICT-VGL/ICT-FaceKit: its FaceXModel folder, or a .tar.xz of it"


def _nothing(settings: HeadSettings) -> tuple[Need, ...]:
    return ()


def _ict(settings: HeadSettings) -> tuple[Need, ...]:
    where = _source(settings, "ict-facekit", Path("models/ict-facekit"))
    return (Need("file", where, "ICT-FaceKit's FaceXModel folder", "MIT", _ICT_SITE, 700),)


def _flame(settings: HeadSettings) -> tuple[Need, ...]:
    where = _source(settings, "flame", Path("models/flame/flame2023.pkl"))
    needs = [
        Need("file", where, "FLAME's pickle (2023, 2023 Open or 2020)", _FLAME_LICENCE,
             f"{_FLAME_SITE}: flame2023.pkl, flame2023_Open.pkl or generic_model.pkl; name it in head.source", 50),
    ]  # fmt: skip
    if settings.flame_masks is not None:
        needs.append(
            Need("file", str(settings.flame_masks), "FLAME's vertex masks", _FLAME_LICENCE,
                 f"{_FLAME_SITE}: FLAME Vertex Masks; or leave head.flame_masks empty", 0.1)
        )  # fmt: skip
    if settings.flame_landmarks is not None:
        needs.append(
            Need("file", str(settings.flame_landmarks), "FLAME's 68 landmarks", _FLAME_LICENCE,
                 "landmark_embedding.npy of FLAME's own fitting code; or leave head.flame_landmarks empty", 0.1)
        )  # fmt: skip
    return tuple(needs)


def _source(settings: HeadSettings, engine: str, usual: Path) -> str:
    """Where the chosen engine's file is named to be, and for the others where it would go."""
    return str(settings.source if settings.engine == engine and settings.source is not None else usual)


ENGINES = (
    Engine("head", "open", "the head that this project generates", _nothing, open=True),
    Engine(
        "head", "ict-facekit", "ICT-FaceKit, scans of real people", _ict,
        cite="Li et al.: Learning Formation of Physically-Based Face Attributes, CVPR 2020",
    ),
    Engine(
        "head", "flame", "FLAME 2023 or 2020", _flame, paper=True,
        cite="Li, Bolkart, Black, Li, Romero: Learning a model of facial shape and expression from 4D scans, 2017",
    ),
)  # fmt: skip


def make_head(
    settings: HeadSettings,
    detect: "Detector",
    progress: Callable[[], None] = lambda: None,
) -> tuple["HeadModel", list[tuple[str, str]]]:
    """Make the chosen head model, as `build_head`. Raises InputError when it lacks a file."""
    require(next(engine for engine in ENGINES if engine.name == settings.engine), settings, "open")
    from emotag.head.build import build_head

    return build_head(settings, detect, progress)
