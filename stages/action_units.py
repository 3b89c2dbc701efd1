"""Stage `action_units`: FACS intensities of every frame (data/action_units/<clip>.parquet .jpg)."""

from typing import Annotated

import numpy as np
import typer

from emotag.media.sheet import spread
from emotag.media.video import frames_at
from emotag.perception.action_units.engines import make_action_units
from emotag.perception.action_units.picture import draw_action_units
from emotag.perception.action_units.protocol import ACTION_UNITS, COLUMNS
from emotag.progress import summary
from emotag.tables import frame_table, write_table
from stages.faces import face_clip
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 10


def action_units(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Measure action units; where they are told above the person's rest, that is read off the reference clip."""
    workspace, settings = Workspace(), load_settings()
    engine = make_action_units(settings.action_units)
    reference = settings.person(settings.clip(clip).identity).reference
    levels = resting = engine.read(face_clip(workspace, clip, "action units"))
    # One rest for all clips of a person: one that a clip takes part in swallows what the clip shows throughout.
    if engine.above_rest and reference != clip:
        resting = engine.read(face_clip(workspace, reference, "action units"))
    neutral = engine.neutral([resting])
    intensities = engine.intensities(levels, neutral)

    target = workspace.file("action_units", clip, "parquet")
    columns = {name: intensities[:, index] for index, name in enumerate(COLUMNS)}
    valid = np.isfinite(intensities).all(axis=1)
    note = {
        "engine": engine.name,
        "version": engine.version,
        "weights": engine.weights,
        "settings": settings.action_units.model_dump(mode="json"),
        **levels.note,
    }
    if engine.above_rest:
        note |= {"rest_from": reference, "neutral": dict(zip(COLUMNS, neutral.round(4).tolist()))}
    write_table(target, frame_table(clip, {**columns, "valid": valid}), note)
    shown = spread(len(intensities), _SHOWN)
    images = list(frames_at(workspace.file("crop", clip, "mp4"), shown))
    draw_action_units(target.with_suffix(".jpg"), images, intensities, f"action units {clip}")
    strongest = np.argsort(-np.nanmean(intensities, axis=0))[:4]
    summary(
        f"action units {clip}",
        [
            ("frames", f"{len(intensities)}, {int((~valid).sum())} without a face"),
            ("engine", f"{engine.name} {levels.note.get('mode', '')}".strip()),
            ("rest read off", reference if engine.above_rest else "–"),
            ("strongest", ", ".join(f"AU{ACTION_UNITS[i]} {np.nanmean(intensities[:, i]):.1f}" for i in strongest)),
            ("file", target),
        ],
    )


if __name__ == "__main__":
    run(action_units)
