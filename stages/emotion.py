"""Stage `emotion`: p_emo and e of every frame (data/emotion/<clip>.parquet .jpg)."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from emotag.media.sheet import spread
from emotag.media.video import frames_at
from emotag.perception.action_units.protocol import COLUMNS as UNIT_COLUMNS
from emotag.perception.emotion.engines import make_emotion
from emotag.perception.emotion.picture import draw_emotion
from emotag.perception.emotion.protocol import COLUMNS, EMOTIONS, Sources, emotional_intensity
from emotag.progress import summary
from emotag.tables import column, frame_table, read_metadata, read_table, write_table
from stages.faces import face_clip
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 10


def emotion(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Read the distribution over seven emotions off the clip."""
    workspace, settings = Workspace(), load_settings()
    engine = make_emotion(settings.emotion)
    units = workspace.file("action_units", clip, "parquet")
    sources = Sources(lambda: _read_units(units), lambda: face_clip(workspace, clip, "emotion"))
    probabilities = engine.read(sources)
    intensity = emotional_intensity(probabilities)

    target = workspace.file("emotion", clip, "parquet")
    columns = {name: probabilities[:, index] for index, name in enumerate(COLUMNS)}
    columns |= {"e": intensity, "valid": np.isfinite(intensity)}
    note: dict[str, Any] = {
        "engine": engine.name,
        "version": engine.version,
        "weights": engine.weights,
        "settings": settings.emotion.model_dump(mode="json"),
    }
    if not engine.looks:
        note["action_units"] = read_metadata(units).get("engine")
    write_table(target, frame_table(clip, columns), note)
    shown = spread(len(intensity), _SHOWN)
    images = list(frames_at(workspace.file("crop", clip, "mp4"), shown))
    draw_emotion(target.with_suffix(".jpg"), images, probabilities, f"emotion {clip}")
    mean = np.nanmean(probabilities, axis=0)
    summary(
        f"emotion {clip}",
        [
            ("frames", f"{len(intensity)}, {int(np.isnan(intensity).sum())} without a face"),
            ("engine", f"{engine.name} {engine.version}"),
            ("mean", ", ".join(f"{EMOTIONS[i]} {mean[i]:.2f}" for i in np.argsort(-mean)[:3])),
            ("mean e", f"{np.nanmean(intensity):.2f}"),
            ("file", target),
        ],
    )


def _read_units(path: Path) -> np.ndarray:  # (T, 17)
    table = read_table(path)
    units = np.stack([column(table, name) for name in UNIT_COLUMNS], axis=1)
    return np.where(column(table, "valid")[:, None], units, np.nan)


if __name__ == "__main__":
    run(emotion)
