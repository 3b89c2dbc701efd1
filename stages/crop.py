"""Stage `crop`: the smooth, face-centred square video of a clip."""

import shutil
from typing import Annotated

import numpy as np
import typer

from emotag.files import atomic
from emotag.media.kept import KeptFrames
from emotag.media.sheet import GREEN, YELLOW, contact_sheet, draw_box, spread
from emotag.media.video import count_frames, frames_at, write_video
from emotag.perception.crop import crop_frames, face_boxes, find_faces, is_whole_frame, square_path
from emotag.perception.detection.engines import make_detector
from emotag.progress import summary, track
from emotag.tables import frame_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def crop(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Find the face in every frame and cut the square around it."""
    settings = load_settings()
    workspace = Workspace()
    source = workspace.file("ingest", clip, "mp4")
    target = workspace.file("crop", clip, "mp4")
    detector = make_detector(settings.crop, workspace.open_models)
    frames = count_frames(source)

    images = KeptFrames(source)
    faces = find_faces(track(images, f"faces {clip}", frames), detector, settings.crop, source)
    boxes = square_path(faces, settings.resolution, settings.crop)
    if is_whole_frame(boxes, faces.size, settings.resolution):
        with atomic(target) as partial:
            shutil.copyfile(source, partial)
    else:
        squares = crop_frames(images, boxes, settings.resolution)
        write_video(target, track(squares, f"crop {clip}", frames))

    table = frame_table(clip, {"box": boxes, "score": faces.score, "valid": faces.valid})
    maker = {"engine": detector.engine, "version": detector.version, "weights": detector.digest}
    metadata = maker | {"settings": settings.crop.model_dump(mode="json"), "source_size": list(faces.size)}
    write_table(target.with_suffix(".parquet"), table, metadata)

    shown = spread(frames)
    outlines = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
    drawn = [
        draw_box(draw_box(image, outlines[i], GREEN), face_boxes(faces)[i], YELLOW)
        for i, image in zip(shown, frames_at(source, shown))
    ]
    captions = [f"{i}  score {faces.score[i]:.2f}" + ("" if faces.valid[i] else "  bridged") for i in shown]
    contact_sheet(target.with_suffix(".jpg"), drawn, captions)
    summary(
        f"crop {clip}",
        [
            ("frames", frames),
            ("detector", f"{detector.engine} {detector.version}"),
            ("square", f"{boxes[:, 2].min():g} to {boxes[:, 2].max():g} px → {settings.resolution} px"),
            ("path", "still" if not np.ptp(boxes, axis=0).any() else "moving"),
            ("bridged frames", int((~faces.valid).sum())),
            ("file", target),
        ],
    )


if __name__ == "__main__":
    run(crop)
