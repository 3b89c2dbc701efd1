"""Stage `geometry`: depth and normals of an adaptation clip (data/geometry/<clip>-depth.mkv -normal.mkv .json .jpg)."""

from collections.abc import Iterator
from itertools import tee
from typing import Annotated

import numpy as np
import typer

from emotag.errors import InputError
from emotag.head.model import HeadModel, digest
from emotag.media.video import stream_frames, stream_lossless
from emotag.perception.geometry.engines import make_geometry
from emotag.perception.geometry.estimator import Geometry, GeometryEstimator
from emotag.perception.geometry.files import GeometryPaths, write_geometry
from emotag.perception.geometry.picture import GeometrySheet
from emotag.perception.geometry.tracked_mesh import TrackedMesh
from emotag.perception.tracking.track import PersonShape, Track, check_head
from emotag.progress import summary
from emotag.progress import track as progress
from stages.run import run
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace


def geometry(
    clip: Annotated[str, typer.Option(help="Clip of params.yaml: a person's reference.")],
) -> None:
    """Estimate depth and normals of every frame of a clip."""
    workspace = Workspace()
    settings = load_settings()
    settings.clip(clip)
    track_path = workspace.file("track", clip, "parquet")
    motion = Track.load(track_path)
    estimator = _estimator(workspace, settings, clip, motion)
    picture = workspace.file("geometry", clip, "jpg")
    paths = GeometryPaths(
        depth=workspace.file("geometry", f"{clip}-depth", "mkv"),
        normal=workspace.file("geometry", f"{clip}-normal", "mkv"),
        note=workspace.file("geometry", clip, "json"),
    )
    sheet = GeometrySheet(len(motion))
    images, shown = tee(progress(stream_frames(workspace.file("crop", clip, "mp4")), "geometry", len(motion)))

    def frames() -> Iterator[Geometry]:
        for index, (found, image) in enumerate(zip(estimator.sequence(images), shown)):
            sheet.add(index, image, found)
            yield found

    count = write_geometry(paths, frames(), relative=estimator.relative, metadata=estimator.metadata)
    if count != len(motion):
        raise InputError(f"{track_path}: has {len(motion)} frames, the crop has {count}; run `track` again")
    sheet.save(picture)
    note = estimator.metadata()
    rows = [("engine", note["engine"]), ("frames", count), ("covers", f"{np.mean(sheet.coverage):.0%} of the picture")]
    agreement = [(f"{axis} with the track, r", f"{value:.2f}") for axis, value in note.get("agreement", {}).items()]
    summary(f"geometry {clip}", [*rows, *agreement, ("files", paths.note), ("picture", picture)])


def _estimator(workspace: Workspace, settings: PipelineSettings, clip: str, motion: Track) -> GeometryEstimator:
    head_digest = digest(workspace.head)
    check_head(workspace.file("track", clip, "parquet"), head_digest)
    person = PersonShape.load(workspace.file("shape", settings.clip(clip).identity, "json"))
    tracked = TrackedMesh(HeadModel.load(workspace.head), motion, head_digest, person.static_offset)
    return make_geometry(settings.geometry, tracked, _person(workspace, clip))


def _person(workspace: Workspace, clip: str) -> Iterator[np.ndarray]:
    """Give the person's alpha of every frame; the file is opened by the engine that asks for it."""
    for matte in stream_lossless(workspace.file("matte", clip, "mkv")):
        yield matte[..., 0]


if __name__ == "__main__":
    run(geometry, threads=1)
