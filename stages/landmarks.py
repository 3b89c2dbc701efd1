"""Stage `landmarks`: 468 points, 68 points and the irises on every frame of a crop."""

from typing import Annotated

import numpy as np
import typer

from emotag.errors import InputError
from emotag.media.sheet import BLUE, GREEN, YELLOW, contact_sheet, draw_points, spread
from emotag.media.video import count_frames, frames_at, stream_frames
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.ibug68 import to_ibug68
from emotag.perception.landmarks.iris import IrisNetwork
from emotag.perception.landmarks.sequence import track_landmarks
from emotag.progress import summary, track
from emotag.tables import frame_table, write_table
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def landmarks(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Place landmarks on every frame of a clip."""
    settings = load_settings().landmarks
    workspace = Workspace()
    source = workspace.file("crop", clip, "mp4")
    target = workspace.file("landmarks", clip, "parquet")
    landmarker, iris = FaceMesh(workspace.open_models), IrisNetwork(workspace.open_models)
    frames = count_frames(source)
    series = track_landmarks(
        track(stream_frames(source), f"landmarks {clip}", frames),
        BlazeFace(workspace.open_models),
        landmarker,
        iris,
        settings,
    )
    if not series.valid.any():
        raise InputError(f"{source}: no landmarks in any of its {frames} frames; look at {source.with_suffix('.jpg')}")
    points68 = to_ibug68(series.points)
    columns = {
        "points468": series.points,
        "points68": points68,
        "iris": series.iris,
        "eyelids": series.eyelids,
        "score": series.score,
        "valid": series.valid,
    }
    metadata = {
        "engine": landmarker.engine,
        "weights": landmarker.digest,
        "iris_weights": iris.digest,
        "smoothing": settings.smoothing,
    }
    write_table(target, frame_table(clip, columns), metadata)

    shown = spread(frames)
    drawn = []
    for i, image in zip(shown, frames_at(source, shown)):
        meshed = draw_points(image, series.points[i], GREEN, radius=image.shape[1] / 700)
        drawn.append(draw_points(draw_points(meshed, points68[i], YELLOW), series.iris[i].reshape(-1, 3), BLUE))
    captions = [f"{i}  score {series.score[i]:.2f}" for i in shown]
    contact_sheet(target.with_suffix(".jpg"), drawn, captions)
    missing = np.flatnonzero(~series.valid)
    summary(
        f"landmarks {clip}",
        [
            ("frames", frames),
            ("without landmarks", f"{len(missing)}" + (f", first {missing[0]}" if len(missing) else "")),
            ("lowest score", f"{series.score.min():.2f}"),
            ("file", target),
        ],
    )


if __name__ == "__main__":
    run(landmarks)
