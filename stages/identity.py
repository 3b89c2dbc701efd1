"""Stage `identity`: one 512-d description of a person (data/identity/<identity>.parquet .jpg)."""

from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from emotag.errors import InputError
from emotag.media.sheet import contact_sheet
from emotag.media.video import frames_at
from emotag.perception.identity.engines import make_identity
from emotag.perception.identity.protocol import EMBEDDING, most_neutral
from emotag.progress import summary, track
from emotag.tables import column, numbers, read_metadata, read_table, strings, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHOWN = 12


def identity(identity: Annotated[str, typer.Option(help="Name of an identity in params.yaml.")]) -> None:
    """Describe a person by the most neutral frames of the reference clip."""
    workspace, settings = Workspace(), load_settings()
    engine = make_identity(settings.identity)
    clip = settings.person(identity).reference
    landmarks = read_table(workspace.file("landmarks", clip, "parquet"))
    feelings, units = (workspace.file(name, clip, "parquet") for name in ("emotion", "action_units"))
    neutral = column(read_table(feelings), "p_neutral")
    mouth = column(read_table(units), "AU25_r")
    seen = column(landmarks, "valid")
    if not len(neutral) == len(mouth) == len(seen):
        raise InputError(f"{feelings}: {len(neutral)} rows for {len(seen)} frames of {clip}; run its stages again")
    neutral = np.where(seen, neutral, np.nan)
    if not np.isfinite(neutral * mouth if engine.open_mouth_cost else neutral).any():
        raise InputError(f"{feelings}: no frame of {clip} shows a face; choose another reference for {identity}")
    chosen = most_neutral(neutral, mouth, settings.identity.frames, engine.open_mouth_cost)
    points = column(landmarks, "points468").reshape(landmarks.num_rows, -1, 3)[chosen]
    video = workspace.file("crop", clip, "mp4")
    images = track(frames_at(video, chosen.tolist()), f"identity {identity}", len(chosen))
    try:
        embedding = engine.embed(points, images)
    except ValueError as error:
        raise InputError(f"{video}: no embedding of {identity} ({error}); choose another reference clip") from None

    target = workspace.file("identity", identity, "parquet")
    columns = {
        "identity": strings([identity]),
        "embedding": pa.FixedSizeListArray.from_arrays(numbers(embedding.astype(np.float32)), EMBEDDING),
        "frames": pa.ListArray.from_arrays(
            numbers(np.array([0, len(chosen)], np.int32)), numbers(chosen.astype(np.int32))
        ),
    }
    table = pa.Table.from_arrays(list(columns.values()), names=list(columns))
    note = {
        "engine": engine.name,
        "version": engine.version,
        "weights": engine.weights,
        "settings": settings.identity.model_dump(mode="json"),
        "clip": clip,
        "emotion": read_metadata(feelings).get("engine"),
    }
    write_table(target, table, note)
    shown = chosen[np.unique(np.linspace(0, len(chosen) - 1, _SHOWN).round().astype(int))]
    captions = [f"{frame}  p(neutral) {neutral[frame]:.2f}  AU25 {mouth[frame]:.1f}" for frame in shown]
    contact_sheet(target.with_suffix(".jpg"), list(frames_at(video, shown.tolist())), captions)
    summary(
        f"identity {identity}",
        [
            ("engine", f"{engine.name} {engine.version}"),
            ("clip", clip),
            ("frames", f"{len(chosen)}, p(neutral) {neutral[chosen].mean():.2f}"),
            ("file", target),
        ],
    )


if __name__ == "__main__":
    run(identity)
