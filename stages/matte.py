"""Stage `matte`: alpha of the person, and of the head above the tracked neck line."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import typer

from emotag.errors import InputError
from emotag.head.model import HeadModel, digest
from emotag.media.sheet import GREEN, YELLOW, contact_sheet, draw_line, draw_mask, over_checkerboard, spread
from emotag.media.video import count_frames, stream_frames, write_lossless
from emotag.perception.matte.neck import head_alpha, neck_line, neck_rings
from emotag.perception.matte.selfie import SelfieSegmentation
from emotag.perception.matte.sequence import person_alphas
from emotag.perception.tracking.track import Track, check_head
from emotag.progress import summary, track
from stages.run import run
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace

SHOWN = 8


def matte(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Cut the person and the head out of every frame of a clip."""
    settings = load_settings()
    workspace = Workspace()
    source = workspace.file("crop", clip, "mp4")
    target = workspace.file("matte", clip, "mkv")
    segmenter = SelfieSegmentation(workspace.open_models)
    frames = count_frames(source)
    rings = _tracked_rings(workspace, clip, settings)
    if len(rings) != frames:
        raise InputError(f"data/track/{clip}.parquet: {len(rings)} rows for {frames} frames; run `dvc repro` again")

    shown = spread(frames, SHOWN)
    drawn: list[np.ndarray] = []
    covered: list[float] = []

    def images() -> Iterator[np.ndarray]:
        stream = track(stream_frames(source), f"matte {clip}", frames)
        for index, (image, person) in enumerate(person_alphas(stream, segmenter, settings.matte)):
            line = neck_line(rings[index])
            head = head_alpha(person, line, settings.matte.neck_softness * image.shape[0])
            covered.append(float(head.mean()) / 255)
            if index in shown:
                drawn.append(draw_line(draw_mask(image, head, GREEN, 0.35), line, YELLOW))
                drawn.append(over_checkerboard(image, person))
            yield np.stack((person, head, np.zeros_like(head)), axis=2)

    write_lossless(target, images())
    captions = [text for index in shown for text in (f"{index}  head and neck line", f"{index}  person")]
    contact_sheet(target.with_suffix(".jpg"), drawn, captions)
    summary(
        f"matte {clip}",
        [("frames", frames), ("head covers", f"{np.mean(covered):.0%} of the picture"), ("file", target)],
    )


def _tracked_rings(workspace: Workspace, clip: str, settings: PipelineSettings) -> np.ndarray:  # (T, N, 2) pixels
    path = workspace.file("track", clip, "parquet")
    head = HeadModel.load(workspace.head)
    check_head(path, digest(workspace.head))
    if not len(head.regions.get("neck_bottom", ())):
        raise InputError(f"{workspace.head}: the head model has no region neck_bottom; run `dvc repro head`")
    return neck_rings(head, Track.load(path), settings.resolution, settings.matte.neck_lift)


if __name__ == "__main__":
    run(matte, threads=1)
