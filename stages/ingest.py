"""Stage `ingest`: any video to 25 fps constant, 16 kHz mono sound, and a probe of the source."""

from typing import Annotated

import typer

from emotag.media.ingest import ingest as ingest_video
from emotag.progress import summary, track
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def ingest(clip: Annotated[str, typer.Option(help="Name of a clip in params.yaml.")]) -> None:
    """Read a clip's source video into data/ingest."""
    settings = load_settings()
    workspace = Workspace()
    source = settings.clip(clip)
    video = workspace.file("ingest", clip, "mp4")
    probe = ingest_video(
        source.video,
        video,
        video.with_suffix(".wav"),
        video.with_suffix(".json"),
        settings.ingest,
        start_s=source.start_s,
        end_s=source.end_s,
        progress=lambda frames: track(frames, f"ingest {clip}"),
    )
    summary(
        f"ingest {clip}",
        [
            ("source", f"{source.video} ({probe['video']['fps']:.3f} fps, {probe['source_frames']} frames read)"),
            ("frames", f"{probe['frames']} at 25 fps, {probe['seconds']:.2f} s"),
            ("sound", f"peak {probe['audio_peak']:.3f}, RMS {probe['audio_rms']:.4f}" if probe["audio"] else "none"),
            ("file", video),
        ],
    )


if __name__ == "__main__":
    run(ingest)
