"""The head model that the settings ask for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from emotag.errors import InputError
from emotag.head.flame import load_flame
from emotag.head.ict import load_ict
from emotag.head.landmark_fit import Detector, fit_landmarks, with_landmarks
from emotag.head.model import HeadModel
from emotag.head.regions import complete
from emotag.head.settings import HeadSettings
from emotag.head.teeth import add_teeth
from emotag.head.trim import without


def build_head(
    settings: HeadSettings,
    detect: Detector,
    progress: Callable[[], None] = lambda: None,
) -> tuple[HeadModel, list[tuple[str, str]]]:
    """Make the head model with all landmarks; and what there is to tell about it, as (name, value) rows.

    Raises InputError when the source is not named, missing or something else.
    """
    model, notes = _load(settings)
    if settings.engine == "open":
        return model, notes
    made_up = model
    if settings.engine == "flame":
        # FLAME comes without lips, hair and brows to paint: a first look without make-up finds them.
        first = fit_landmarks(model, detect, settings.fit_heads, settings.fit_size)
        made_up = complete(with_landmarks(model, first.embedding))
    fit = fit_landmarks(made_up, detect, settings.fit_heads, settings.fit_size, progress=progress)
    model = with_landmarks(model, fit.embedding)
    if settings.engine == "flame":
        model = add_teeth(complete(model))
    notes += [
        (
            "Face Mesh fit",
            f"{fit.pictures} of {fit.tried} renders, median scatter {1000 * float(np.median(fit.scatter)):.1f} mm",
        ),
        ("vertices, faces", f"{model.n_vertices}, {len(model.faces)}"),
        ("shape, expression", f"{model.n_shape}, {model.n_expression}"),
    ]
    return model, notes


def _load(settings: HeadSettings) -> tuple[HeadModel, list[tuple[str, str]]]:
    if settings.source is None:
        raise InputError(_MISSING[settings.engine])
    if settings.engine == "open":
        return _load_open(settings.source)
    if settings.engine == "flame":
        return load_flame(settings), [("source", str(settings.source))]
    model, report = load_ict(settings.source, settings.vertices, settings.identity_modes)
    return model, [
        ("source", str(settings.source)),
        ("jawOpen = 1 is", f"jaw_pose[0] = {report.jaw_open_radians:.4f} rad"),
        ("hinge residual", f"{1000 * report.hinge_residual:.2f} mm at the lower teeth"),
    ]


def _load_open(source: Path) -> tuple[HeadModel, list[tuple[str, str]]]:
    """The open head that stage `open_head` made, landmarks and all, without shoulders: a tracked head turns as one."""
    model = without(HeadModel.load(source), "shoulders")
    return model, [
        ("source", str(source)),
        ("vertices, faces", f"{model.n_vertices}, {len(model.faces)}"),
        ("shape, expression", f"{model.n_shape}, {model.n_expression}"),
    ]


_MISSING = {
    "open": "head.source is not set: use models/open_head/head.npz, which `dvc repro open_head` makes",
    "ict-facekit": (
        "head.source is not set: put ICT-FaceKit's FaceXModel folder (https://github.com/ICT-VGL/ICT-FaceKit, MIT), or "
        "a .tar.xz of it, under models/ict-facekit and set `head.source: models/ict-facekit` in params.yaml"
    ),
    "flame": (
        "head.source is not set: put your licensed flame2023.pkl (https://flame.is.tue.mpg.de) under models/flame and "
        "set `head.source: models/flame/flame2023.pkl` in params.yaml, or use `head.engine: ict-facekit`"
    ),
}
