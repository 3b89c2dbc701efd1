"""Stage `action_units`: FACS intensities of every frame (data/action_units/<clip>.parquet .jpg)."""

from typing import Annotated

import numpy as np
import typer

from emotag.media.sheet import spread
from emotag.media.video import count_frames, frames_at, stream_frames
from emotag.perception.action_units.open import OpenActionUnits
from emotag.perception.action_units.picture import draw_action_units
from emotag.perception.action_units.protocol import ACTION_UNITS, COLUMNS, Levels
from emotag.progress import summary, track
from emotag.tables import column, frame_table, read_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 10


def action_units(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Measure action units; the person's rest is read off the clip and the identity's reference clip."""
    workspace, settings = Workspace(), load_settings()
    engine = OpenActionUnits(settings.action_units)
    reference = settings.person(settings.clip(clip).identity).reference
    names = [clip] if reference == clip else [clip, reference]
    levels = [_levels(workspace, engine, name) for name in names]
    neutral = engine.neutral(levels)
    intensities = engine.intensities(levels[0], neutral)

    target = workspace.file("action_units", clip, "parquet")
    columns = {name: intensities[:, index] for index, name in enumerate(COLUMNS)}
    valid = np.isfinite(intensities).all(axis=1)
    note = {
        "engine": engine.name,
        "version": engine.version,
        "settings": settings.action_units.model_dump(),
        "rest_from": names,
        "neutral": dict(zip(COLUMNS, neutral.round(4).tolist())),
    }
    write_table(target, frame_table(clip, {**columns, "valid": valid}), note)
    shown = spread(len(intensities), _SHOWN)
    images = list(frames_at(workspace.file("crop", clip, "mp4"), shown))
    draw_action_units(target.with_suffix(".jpg"), images, intensities, f"action units {clip}")
    strongest = np.argsort(-np.nanmean(intensities, axis=0))[:4]
    summary(
        f"action units {clip}",
        [
            ("frames", f"{len(intensities)}, {int((~valid).sum())} without a face"),
            ("rest read off", ", ".join(names)),
            ("strongest", ", ".join(f"AU{ACTION_UNITS[i]} {np.nanmean(intensities[:, i]):.1f}" for i in strongest)),
            ("file", target),
        ],
    )


def _levels(workspace: Workspace, engine: OpenActionUnits, clip: str) -> Levels:
    table = read_table(workspace.file("landmarks", clip, "parquet"))
    points = column(table, "points468").reshape(table.num_rows, -1, 3)
    video = workspace.file("crop", clip, "mp4")
    images = track(stream_frames(video), f"action units {clip}", count_frames(video))
    return engine.levels(points, column(table, "valid"), images if engine.settings.appearance else None)


if __name__ == "__main__":
    run(action_units)
