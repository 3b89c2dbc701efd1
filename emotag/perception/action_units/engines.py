"""The engines of the stage `action_units`, what they need, and how one is made."""

from emotag.external.need import Engine, Need, require
from emotag.perception.action_units.protocol import ActionUnitEngine, ActionUnitSettings

_OPENFACE = "https://github.com/TadasBaltrusaitis/OpenFace (build it, then run its download_models script)"
_LICENCE = "academic and non-commercial"


def _nothing(settings: ActionUnitSettings) -> tuple[Need, ...]:
    return ()


def _openface(settings: ActionUnitSettings) -> tuple[Need, ...]:
    chosen = settings.openface
    if chosen.tables is not None:
        what = "the folder of OpenFace's tables, <clip>.csv or <clip>.csv.gz"
        return (
            Need("file", str(chosen.tables), what, _LICENCE, "FeatureExtraction -aus on each data/crop/<clip>.mp4"),
        )
    if chosen.image:
        what = f"the program that runs the image {chosen.image}"
        return (Need("program", chosen.container, what, "Apache-2.0", "https://docs.docker.com/engine/install"),)
    return (Need("program", chosen.program, "OpenFace 2's FeatureExtraction", _LICENCE, _OPENFACE),)


ENGINES = (
    Engine("action_units", "open", "measures of Face Mesh points and shading", _nothing, open=True),
    Engine(
        "action_units", "openface", "OpenFace 2", _openface, paper=True,
        cite="Baltrusaitis, Zadeh, Lim, Morency: OpenFace 2.0, FG 2018",
    ),
)  # fmt: skip


def make_action_units(settings: ActionUnitSettings) -> ActionUnitEngine:
    """Make the chosen engine. Raises InputError when it lacks something."""
    engine = next(engine for engine in ENGINES if engine.name == settings.engine)
    require(engine, settings, "open")
    if settings.engine == "openface":
        from emotag.perception.action_units.openface import OpenFace

        return OpenFace(settings.openface)
    from emotag.perception.action_units.open import OpenActionUnits

    return OpenActionUnits(settings)
