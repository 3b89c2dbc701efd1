"""Stage `track`: a clip and the person's shape → motion in VHAP's terms (data/track/<clip>.parquet .jpg)."""

from typing import Annotated

import torch
import typer

from emotag.device import choose_device
from emotag.head.model import HeadModel, digest
from emotag.media.video import frames_at
from emotag.perception.tracking.bias import unbiased
from emotag.perception.tracking.engines import make_tracker
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.overlay import contact_sheet, sheet_frames
from emotag.perception.tracking.quality import measure
from emotag.perception.tracking.track import PersonShape
from emotag.perception.tracking.tracker import TrackedClip
from emotag.progress import progress_bar, summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace

_SHEET_FRAMES = 12


def track(
    clip: Annotated[str, typer.Option(help="Clip of params.yaml.")],
) -> None:
    """Fit the head's motion of a clip, with the shape its person's reference clip gave."""
    workspace, settings = Workspace(), load_settings()
    size, identity = settings.resolution, settings.clip(clip).identity
    video, reference = workspace.file("crop", clip, "mp4"), settings.person(identity).reference
    head = HeadModel.load(workspace.head)
    shape_path = workspace.file("shape", identity, "json")
    person = PersonShape.load(shape_path)
    person.check(head, shape_path)
    observations = Observations.load(workspace.file("landmarks", clip, "parquet"), size, size)
    tracker = make_tracker(
        settings.shape, settings.track, head, size, workspace.open_models,
        settings.head.source if settings.head.engine == "flame" else None, str(choose_device(settings.device)),
    )  # fmt: skip
    seen = TrackedClip(clip, video, observations, reference, workspace.file("crop", reference, "mp4"))
    with progress_bar("tracking", len(observations)) as bar:
        motion = tracker.fit_track(seen, person, bar.advance)
    offset = person.static_offset
    quality = measure(head, motion, unbiased(observations, person.usual_face, *person.undone), offset)
    table, picture = workspace.file("track", clip, "parquet"), workspace.file("track", clip, "jpg")
    shown = sheet_frames(motion, _SHEET_FRAMES)
    images, points = frames_at(video, shown), observations.points[shown].numpy()
    contact_sheet(picture, images, shown, head, motion.select(torch.tensor(shown)), points, offset=offset)
    note = {"engine": settings.track.engine, "version": tracker.version, "head": digest(workspace.head)}
    motion.save(table, clip, note | {"settings": settings.track.model_dump(mode="json"), **tracker.note()})
    more = []
    if colours := tracker.note().get("photometric_rms"):
        more.append(("error of brightness", f"{colours[0]:.2%} → {colours[1]:.2%} of white"))
    summary(
        f"track {clip}",
        [("frames", f"{len(motion)} ({int((~motion.valid).sum())} interpolated)"),
         ("error of the mesh", f"{quality.error468:.2f} % of the outer-eye distance (iBUG: {quality.error68:.2f} %)"),
         ("jitter", f"{quality.raw_jitter:.2f} → {quality.tracked_jitter:.2f} px/frame²"), *more,
         ("table", table), ("picture", picture)],
    )  # fmt: skip


if __name__ == "__main__":
    run(track, threads=1)
