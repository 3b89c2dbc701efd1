"""A track, its images and its mattes as the data set that GaussianAvatars trains on (`emotag export-vhap`)."""

from pathlib import Path
from typing import Annotated

import typer

from emotag.head.model import HeadModel, digest
from emotag.perception.tracking.track import PersonShape, Track, check_head
from emotag.perception.tracking.vhap.dataset import TRAIN_SHARE, export_dataset
from emotag.progress import summary
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def export_vhap(
    clip: Annotated[str, typer.Option(help="A tracked clip of params.yaml; the head model must be FLAME.")],
    folder: Annotated[Path, typer.Option(help="New folder for the data set.")],
    train_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the frames to train on.")
    ] = TRAIN_SHARE,
) -> None:
    """Write a tracked clip in VHAP's NeRF-style format: images over white, masks, FLAME parameters, cameras."""
    workspace, settings = Workspace(), load_settings()
    path = workspace.file("track", clip, "parquet")
    person = PersonShape.load(workspace.file("shape", settings.clip(clip).identity, "json"))
    head, track = HeadModel.load(workspace.head), Track.load(path)
    check_head(path, digest(workspace.head))
    video, matte = workspace.file("crop", clip, "mp4"), workspace.file("matte", clip, "mkv")
    motion = export_dataset(folder, track, head, person.static_offset, video, matte, train_share)
    summary(
        f"export {clip}",
        [
            ("frames", f"{int(track.valid.sum())} of {len(track)} (interpolated ones are left out)"),
            ("difference", f"{float(motion.difference.mean()):.3f} px on the face, FLAME's own joints"),
            ("folder", folder),
        ],
    )


if __name__ == "__main__":
    run(export_vhap, threads=1)
