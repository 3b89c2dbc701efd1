"""Stage `emotion`: p_emo and e of every frame (data/emotion/<clip>.parquet .jpg)."""

from typing import Annotated

import numpy as np
import typer

from emotag.media.sheet import spread
from emotag.media.video import frames_at
from emotag.perception.action_units.protocol import COLUMNS as UNIT_COLUMNS
from emotag.perception.emotion.emfacs import Emfacs
from emotag.perception.emotion.picture import draw_emotion
from emotag.perception.emotion.protocol import COLUMNS, EMOTIONS, emotional_intensity
from emotag.progress import summary, track
from emotag.tables import column, frame_table, read_metadata, read_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 10


def emotion(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Read the distribution over seven emotions off the clip's action units."""
    workspace, settings = Workspace(), load_settings()
    engine = Emfacs(settings.emotion)
    source = workspace.file("action_units", clip, "parquet")
    table = read_table(source)
    units = np.stack([column(table, name) for name in track(UNIT_COLUMNS, f"emotion {clip}")], axis=1)
    units = np.where(column(table, "valid")[:, None], units, np.nan)
    probabilities = engine.probabilities(units)
    intensity = emotional_intensity(probabilities)

    target = workspace.file("emotion", clip, "parquet")
    columns = {name: probabilities[:, index] for index, name in enumerate(COLUMNS)}
    columns |= {"e": intensity, "valid": np.isfinite(intensity)}
    note = {
        "engine": engine.name,
        "version": engine.version,
        "settings": settings.emotion.model_dump(),
        "action_units": read_metadata(source).get("engine"),
    }
    write_table(target, frame_table(clip, columns), note)
    shown = spread(len(units), _SHOWN)
    images = list(frames_at(workspace.file("crop", clip, "mp4"), shown))
    draw_emotion(target.with_suffix(".jpg"), images, probabilities, f"emotion {clip}")
    mean = np.nanmean(probabilities, axis=0)
    summary(
        f"emotion {clip}",
        [
            ("frames", f"{len(units)}, {int(np.isnan(intensity).sum())} without a face"),
            ("mean", ", ".join(f"{EMOTIONS[i]} {mean[i]:.2f}" for i in np.argsort(-mean)[:3])),
            ("mean e", f"{np.nanmean(intensity):.2f}"),
            ("file", target),
        ],
    )


if __name__ == "__main__":
    run(emotion)
