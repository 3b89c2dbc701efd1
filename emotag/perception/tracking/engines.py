"""The engines of the stages `shape` and `track`, what they need, and how one is made."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotag.errors import InputError
from emotag.external.need import Engine, Need, require

if TYPE_CHECKING:
    from emotag.head.model import HeadModel
    from emotag.perception.tracking.settings import ShapeSettings
    from emotag.perception.tracking.tracker import Tracker
    from emotag.perception.tracking.vhap.settings import VhapSettings

_VHAP = "https://github.com/ShenhanQian/VHAP"
_VHAP_LICENCE = "CC BY-NC-SA 4.0, Toyota Motor Europe"
_FLAME = "https://flame.is.tue.mpg.de, after registration"
_FLAME_LICENCE = "FLAME's own: research, not commercial (2023 Open: CC BY 4.0)"


def _nothing(settings: Any) -> tuple[Need, ...]:
    return ()


def _vhap(settings: Any) -> tuple[Need, ...]:
    """What was given before, when clips are imported; else VHAP itself."""
    imports = settings.vhap.imports
    if not imports:
        return vhap_needs(settings.vhap)
    how = "VHAP's track.py or export_as_nerf_dataset.py on data/crop"
    return tuple(
        Need("file", str(path), f"what VHAP gave for clip {clip}", _VHAP_LICENCE, how) for clip, path in imports.items()
    )


def vhap_needs(settings: "VhapSettings") -> tuple[Need, ...]:
    """List what running VHAP needs; a CUDA GPU besides."""
    clone = f"git clone {_VHAP} {settings.checkout}"
    install = "make it as VHAP's README says: Python 3.10, CUDA toolkit, pip install -e ."
    flame = settings.checkout / "asset" / "flame"
    return (
        Need("file", str(settings.checkout / "vhap" / "track.py"), "VHAP's checkout", _VHAP_LICENCE, clone, 30),
        Need("program", str(settings.python), "the Python of VHAP's own environment", _VHAP_LICENCE, install, 8000),
        Need("file", str(_first(flame, "flame2023.pkl", "generic_model.pkl")), "FLAME for VHAP", _FLAME_LICENCE,
             f"{_FLAME}: the very file of head.source", 50),
        Need("file", str(flame / "FLAME_masks.pkl"), "FLAME's vertex masks for VHAP", _FLAME_LICENCE,
             f"{_FLAME}: FLAME Vertex Masks", 0.1),
    )  # fmt: skip


def _first(folder: Path, *names: str) -> Path:
    """The first of some files that is there, else the first."""
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


VHAP_TO_RUN = Engine("track", "vhap", "VHAP, to be run here", vhap_needs)
"""For the clips that are not imported; of the settings `track.vhap`."""

ENGINES = (
    Engine("track", "landmarks", "fit of the 468 Face Mesh landmarks", _nothing, open=True),
    Engine("track", "photometric", "landmarks, then the pictures themselves", _nothing, open=True),
    Engine(
        "track", "vhap", "VHAP (FLAME, photometric)", _vhap, paper=True,
        cite="Qian: Versatile Head Alignment with Adaptive Appearance Priors, 2024, https://github.com/ShenhanQian/VHAP",
    ),
)  # fmt: skip


def make_tracker(
    shape: "ShapeSettings",
    track: Any,  # TrackSettings
    head: "HeadModel",
    resolution: int,  # side of the crops, pixels
    models: Path,  # folder of the open perception networks
    flame: Path | None = None,  # head.source, when the head is FLAME
    device: str = "cpu",
) -> "Tracker":
    """Make the tracker that fits shapes by `shape.engine` and motions by `track.engine`.

    Raises InputError when it lacks something, when the head model is not one it can use, or when VHAP is to do only one
    of the two: its motions are of its own shapes.
    """
    require(next(engine for engine in ENGINES if engine.name == track.engine), track, "landmarks")
    engines = {str(shape.engine), str(track.engine)}
    if "vhap" in engines:
        if len(engines) > 1:
            raise InputError(
                f"shape.engine is '{shape.engine}' and track.engine '{track.engine}': VHAP fits both or neither; set "
                "both to 'vhap'"
            )
        from emotag.perception.tracking.vhap.tracker import VhapTracker

        return VhapTracker(head, track.vhap, resolution, shape.neutral_fraction, flame)
    if "photometric" in engines:
        from emotag.perception.tracking.photometric.tracker import PhotometricTracker

        return PhotometricTracker(head, shape, track, models, device)
    from emotag.perception.tracking.tracker import LandmarkTracker

    return LandmarkTracker(head, shape, track)
