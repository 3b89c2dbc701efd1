"""Stage `shape`: a person's reference clip → shape, focal length, neutral expression; by pictures also what she looks
like."""

from typing import Annotated, Any

import torch
import typer

from emotag.device import choose_device
from emotag.head.model import HeadModel, digest
from emotag.media.video import frames_at
from emotag.perception.tracking.engines import make_tracker
from emotag.perception.tracking.fit import fit_frames
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.overlay import contact_sheet, spread_valid
from emotag.perception.tracking.tracker import TrackedClip
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
    name = settings.person(identity).reference
    size, video = settings.resolution, workspace.file("crop", name, "mp4")
    head = HeadModel.load(workspace.head)
    observations = Observations.load(workspace.file("landmarks", name, "parquet"), size, size)
    tracker = make_tracker(
        settings.shape, settings.track, head, size, workspace.open_models,
        settings.head.source if settings.head.engine == "flame" else None, str(choose_device(settings.device)),
    )  # fmt: skip
    clip = TrackedClip(name, video, observations, name, video)
    with progress_bar("shape", tracker.shape_steps) as bar:
        person = tracker.fit_shape(clip, bar.advance)
    shown = spread_valid(observations, _SHEET_FRAMES)
    motion = fit_frames(observations.select(torch.tensor(shown)), head, person, settings.track, name)
    picture, table = workspace.file("shape", identity, "jpg"), workspace.file("shape", identity, "json")
    images, points = frames_at(video, shown), observations.points[shown].numpy()
    contact_sheet(picture, images, shown, head, motion, points, offset=person.static_offset)
    note: dict[str, Any] = {
        "identity": identity,
        "clip": name,
        "engine": settings.shape.engine,
        "version": tracker.version,
    }
    note |= {"head": digest(workspace.head), "settings": settings.shape.model_dump(mode="json"), **tracker.note()}
    person.save(table, note)
    more = [] if person.static_offset is None else [("hair and ears", f"{_reach(person.static_offset):.0f} mm at most")]
    if overlap := tracker.note().get("outline_iou"):
        more.append(("outlines' overlap", f"{overlap[0]:.1%} → {overlap[1]:.1%}"))
    summary(
        f"shape {identity}",
        [("reference", name), ("frames", len(observations)), ("focal length", f"{person.focal_length:.3f}"),
         ("shape norm", f"{float(person.shape.norm()):.2f}"), *more, ("file", table), ("picture", picture)],
    )  # fmt: skip


def _reach(offset: torch.Tensor) -> float:
    return 1000 * float(offset.norm(dim=-1).max())


if __name__ == "__main__":
    run(shape, threads=1)
