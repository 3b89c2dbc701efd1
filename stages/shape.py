"""Stage `shape`: the landmarks of a person's reference clip → shape, focal length, neutral expression."""

from typing import Annotated

import torch
import typer

from emotag.head.model import HeadModel, digest
from emotag.media.video import frames_at
from emotag.perception.tracking.fit import fit_frames
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.overlay import contact_sheet, spread_valid
from emotag.perception.tracking.shape import fit_shape
from emotag.progress import progress_bar, summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHEET_FRAMES = 8


def shape(
    identity: Annotated[str, typer.Option(help="Person of params.yaml; only the reference clip is looked at.")],
) -> None:
    """Fit what is constant for a person (data/shape/<identity>.json .jpg)."""
    workspace, settings = Workspace(), load_settings()
    clip = settings.person(identity).reference
    size = settings.resolution
    head = HeadModel.load(workspace.head)
    observations = Observations.load(workspace.file("landmarks", clip, "parquet"), size, size)
    with progress_bar("shape", 1 + settings.shape.offset_rounds) as bar:
        person = fit_shape(observations, head, settings.shape, clip, bar.advance)
    shown = spread_valid(observations, _SHEET_FRAMES)
    motion = fit_frames(observations.select(torch.tensor(shown)), head, person, settings.track, clip)
    picture, table = workspace.file("shape", identity, "jpg"), workspace.file("shape", identity, "json")
    images = frames_at(workspace.file("crop", clip, "mp4"), shown)
    contact_sheet(picture, images, shown, head, motion, observations.points[shown].numpy())
    note = {"identity": identity, "clip": clip, "engine": settings.shape.engine, "head": digest(workspace.head)}
    person.save(table, note | {"settings": settings.shape.model_dump()})
    summary(
        f"shape {identity}",
        [("reference", clip), ("frames", len(observations)), ("focal length", f"{person.focal_length:.3f}"),
         ("shape norm", f"{float(person.shape.norm()):.2f}"), ("file", table), ("picture", picture)],
    )  # fmt: skip


if __name__ == "__main__":
    run(shape, threads=1)
