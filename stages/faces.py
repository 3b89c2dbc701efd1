"""A clip's crop and landmarks as engines look at them."""

from emotag.media.video import count_frames, stream_frames
from emotag.perception.action_units.protocol import FaceClip
from emotag.progress import track
from emotag.tables import column, read_table
from stages.workspace import Workspace


def face_clip(workspace: Workspace, clip: str, what: str) -> FaceClip:
    """Give a clip of params.yaml; `what` stands beside the progress bar. Raises InputError on missing artifacts."""
    table = read_table(workspace.file("landmarks", clip, "parquet"))
    points = column(table, "points468").reshape(table.num_rows, -1, 3)
    video = workspace.file("crop", clip, "mp4")
    return FaceClip(
        clip,
        video,
        points,
        column(table, "valid"),
        lambda: track(stream_frames(video), f"{what} {clip}", count_frames(video)),
    )
