"""Stage `audio`: sound → one feature row per frame (data/audio/<name>.parquet .png)."""

from typing import Annotated

import typer

from emotag.media.audio import read_audio
from emotag.media.video import count_frames
from emotag.perception.audio.engines import make_audio
from emotag.perception.audio.picture import draw_audio
from emotag.progress import summary, track
from emotag.tables import frame_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def audio(
    clip: Annotated[str, typer.Option(help="Name of a clip or of a sound in params.yaml.")],
) -> None:
    """Compute speech features of a clip's sound, or of a bare sound, at 25 rows a second."""
    workspace, settings = Workspace(), load_settings()
    if clip in settings.sounds:
        waveform, frames = read_audio(workspace.root / settings.sounds[clip].file), None
    else:
        settings.clip(clip)
        waveform = read_audio(workspace.file("ingest", clip, "wav"))
        frames = count_frames(workspace.file("ingest", clip, "mp4"))
    engine = make_audio(settings.audio)
    for _ in track([clip], "audio features"):
        features = engine.features(waveform, frames)
    columns = {
        "audio": features.audio,
        "f0_hz": features.f0_hz,
        "voiced": features.voiced,
        "energy_db": features.energy_db,
        "phone": features.phone,
    }
    note = {"engine": engine.name, "version": engine.version, "settings": settings.audio.note()}
    if engine.weights:
        note["weights"] = engine.weights
    table = workspace.file("audio", clip, "parquet")
    picture = workspace.file("audio", clip, "png")
    draw_audio(picture, features, clip)
    write_table(table, frame_table(clip, columns), note | features.metadata())
    summary(
        f"audio {clip}",
        [("engine", f"{engine.name} {engine.version}"), ("rows", len(features.phone)),
         ("columns", features.audio.shape[1]), ("voiced", f"{features.voiced.mean():.0%}"),
         ("table", table), ("picture", picture)],
    )  # fmt: skip


if __name__ == "__main__":
    run(audio)
