"""Stage `geometry`: depth and normals of an adaptation clip (data/geometry/<clip>-depth.mkv -normal.mkv .json .jpg)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from emotag.errors import InputError
from emotag.head.model import HeadModel, digest
from emotag.media.video import stream_frames
from emotag.perception.geometry.estimator import Geometry, GeometryEstimator
from emotag.perception.geometry.files import GeometryPaths, write_geometry
from emotag.perception.geometry.picture import GeometrySheet
from emotag.perception.geometry.tracked_mesh import TrackedMesh
from emotag.perception.tracking.track import Track, check_head
from emotag.progress import summary
from emotag.progress import track as progress
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def geometry(
    clip: Annotated[str, typer.Option(help="Clip of params.yaml: a person's reference.")],
) -> None:
    """Estimate depth and normals of every frame of a clip."""
    workspace = Workspace()
    load_settings().clip(clip)
    track_path = workspace.file("track", clip, "parquet")
    motion = Track.load(track_path)
    estimator = _estimator(workspace, track_path, motion)
    picture = workspace.file("geometry", clip, "jpg")
    paths = GeometryPaths(
        depth=workspace.file("geometry", f"{clip}-depth", "mkv"),
        normal=workspace.file("geometry", f"{clip}-normal", "mkv"),
        note=workspace.file("geometry", clip, "json"),
    )
    sheet = GeometrySheet(len(motion))
    images = stream_frames(workspace.file("crop", clip, "mp4"))

    def frames() -> Iterator[Geometry]:
        for index, image in enumerate(progress(images, "geometry", len(motion))):
            if index >= len(motion):
                raise InputError(f"{track_path}: has {len(motion)} frames, the crop has more; run `track` again")
            found = estimator.estimate(index, image)
            sheet.add(index, image, found)
            yield found

    count = write_geometry(
        paths, frames(), relative=estimator.relative, metadata={"engine": estimator.engine, "digest": estimator.digest}
    )
    sheet.save(picture)
    covered = f"{100 * float(np.mean(sheet.coverage)):.0f} % of the picture"
    summary(f"geometry {clip}", [("frames", count), ("head", covered), ("files", paths.note), ("picture", picture)])


def _estimator(workspace: Workspace, track_path: Path, motion: Track) -> GeometryEstimator:
    head_digest = digest(workspace.head)
    check_head(track_path, head_digest)
    return TrackedMesh(HeadModel.load(workspace.head), motion, head_digest)


if __name__ == "__main__":
    run(geometry, threads=1)
