"""Stage `track`: landmarks and the person's shape → motion in VHAP's terms (data/track/<clip>.parquet .jpg)."""

from typing import Annotated

import torch
import typer

from emotag.head.model import HeadModel, digest
from emotag.media.video import frames_at
from emotag.perception.tracking.bias import unbiased
from emotag.perception.tracking.fit import fit_track
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.overlay import contact_sheet, sheet_frames
from emotag.perception.tracking.quality import measure
from emotag.perception.tracking.track import PersonShape
from emotag.progress import progress_bar, summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHEET_FRAMES = 12


def track(
    clip: Annotated[str, typer.Option(help="Clip of params.yaml.")],
) -> None:
    """Fit the head's motion to a clip's landmarks, with the shape its person's reference clip gave."""
    workspace, settings = Workspace(), load_settings()
    size = settings.resolution
    head = HeadModel.load(workspace.head)
    shape_path = workspace.file("shape", settings.clip(clip).identity, "json")
    person = PersonShape.load(shape_path)
    person.check(head, shape_path)
    observations = Observations.load(workspace.file("landmarks", clip, "parquet"), size, size)
    with progress_bar("tracking", len(observations)) as bar:
        motion = fit_track(observations, head, person, settings.track, clip, bar.advance)
    quality = measure(head, motion, unbiased(observations, person.usual_face, *person.undone))
    table, picture = workspace.file("track", clip, "parquet"), workspace.file("track", clip, "jpg")
    shown = sheet_frames(motion, _SHEET_FRAMES)
    images = frames_at(workspace.file("crop", clip, "mp4"), shown)
    contact_sheet(picture, images, shown, head, motion.select(torch.tensor(shown)), observations.points[shown].numpy())
    note = {"engine": settings.track.engine, "head": digest(workspace.head), "settings": settings.track.model_dump()}
    motion.save(table, clip, note)
    summary(
        f"track {clip}",
        [("frames", f"{len(motion)} ({int((~motion.valid).sum())} interpolated)"),
         ("error of the mesh", f"{quality.error468:.2f} % of the outer-eye distance (iBUG: {quality.error68:.2f} %)"),
         ("jitter", f"{quality.raw_jitter:.2f} → {quality.tracked_jitter:.2f} px/frame²"),
         ("table", table), ("picture", picture)],
    )  # fmt: skip


if __name__ == "__main__":
    run(track, threads=1)
