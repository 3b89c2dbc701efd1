"""Stage `evaluate`: self-reconstruction on an unseen clip of the same person, beside the avatar with a frozen face."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from emotag.camera import Camera
from emotag.device import choose_device, move
from emotag.files import write_json
from emotag.head.model import HeadModel
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import AI_MARK, read_frames, read_lossless, stream_frames, write_video
from emotag.metrics.engines import Unmeasured
from emotag.metrics.evaluate import Evaluation, evaluate_clip
from emotag.motion.motion import Motion
from emotag.progress import summary, track
from emotag.synthesis.drive import Cues, render_sequence
from emotag.synthesis.drive import speak as predict
from emotag.synthesis.footage import Footage, paste, whole_frame
from emotag.synthesis.store import load_avatar
from emotag.tables import column, frame_table, read_table, write_table
from emotag.training.clip import load_features
from stages.assemble import motion_note
from stages.run import run
from stages.scoring import TRUTH, Scorer, Version
from stages.settings import load_settings
from stages.workspace import Workspace

CRF = 10
"""Quality of the scored H.264 files: visually lossless, as the peers' are scored through H.264 too."""


def evaluate(test: Annotated[str, typer.Option(help="Test of params.yaml.")]) -> None:
    """Write metrics, per-frame values and the comparison video of a test."""
    workspace = Workspace()
    settings = load_settings()
    entry = settings.test(test)
    device = choose_device(settings.device)
    cpu_head = HeadModel.load(workspace.head)
    head = cpu_head.to(device)
    scorer = Scorer.make(workspace, settings, settings.metrics)
    avatar = load_avatar(workspace.avatar(entry.identity), motion_note(workspace, cpu_head, [entry.clip])).to(device)
    features = move(load_features(workspace.file("features", entry.clip, "parquet")), device)
    truth_video = workspace.file("crop", entry.clip, "mp4")
    matte = read_lossless(workspace.file("matte", entry.clip, "mkv"))
    footage = Footage.make(read_frames(truth_video), matte, settings.compose.plate)
    sound = (read_audio(workspace.file("ingest", entry.clip, "wav")), SAMPLE_RATE)

    videos = workspace.reports / "videos" / entry.identity
    avatar_video = videos / f"{test}-avatar.mp4"
    started = time.perf_counter()
    motion = predict(avatar, features.audio, Cues(features.pose, features.upper_face))
    motion_seconds = time.perf_counter() - started
    under = footage.underlays(settings.compose.composition).to(device)

    def frames(face: Motion | None) -> Iterator[np.ndarray]:
        window = whole_frame(footage)
        camera = Camera(features.focal_length, window.width, window.height)
        return paste(render_sequence(head, avatar, face, features.pose, camera, window), under)

    started = time.perf_counter()
    rendered = list(track(frames(motion), "avatar", len(features)))
    render_seconds = time.perf_counter() - started
    write_video(avatar_video, rendered, crf=CRF, audio=sound, comment=AI_MARK)
    with tempfile.TemporaryDirectory() as folder:
        frozen_video = Path(folder) / "frozen.mp4"
        write_video(frozen_video, track(frames(None), "frozen face", len(features)), crf=CRF)
        videos_by_name = {"avatar": avatar_video, "frozen face": frozen_video}
        result = _score(scorer, workspace, entry.clip, videos_by_name, footage.head_alpha, sound[0])
        side_by_side = zip(*map(stream_frames, (truth_video, avatar_video, frozen_video)))
        joined = (np.concatenate(images, axis=1) for images in side_by_side)
        write_video(videos / f"{test}-compare.mp4", joined, crf=16, intra=False, audio=sound, comment=AI_MARK)

    columns = result.columns | {"gate": motion.gate.cpu().numpy(), "e": features.intensity.cpu().numpy()}
    table = workspace.reports / "frames" / f"{test}.parquet"
    write_table(table, frame_table(entry.clip, columns), {"test": test, "identity": entry.identity})
    speed = {"fps": len(features) / (motion_seconds + render_seconds), "motion_seconds": motion_seconds}
    metrics = workspace.reports / "metrics" / f"{test}.json"
    content: dict[str, Any] = {"identity": entry.identity, "tests": [{"test": test} | result.summary]}
    content |= {"training": avatar.training, "speed": speed | {"device": device.type}, "engines": scorer.engines()}
    write_json(metrics, content)
    frozen = result.summary["frozen"]
    rows = [(name, _beside(value, frozen.get(name))) for name, value in result.summary["metrics"].items()]
    rows += [(f"{name}: not measured", why) for name, why in result.summary["not_measured"].items()]
    summary(f"evaluate {test} (frozen face in brackets)", [*rows, ("metrics", metrics), ("videos", videos)])


def _score(
    scorer: Scorer,
    workspace: Workspace,
    clip: str,
    rendered: dict[str, Path],  # "avatar", "frozen face"
    head_alpha: np.ndarray,  # (T, H, W) uint8
    waveform: np.ndarray,  # (N,)
) -> Evaluation:
    truth_video = workspace.file("crop", clip, "mp4")
    versions = {TRUTH: Version(truth_video, clip)}
    versions |= {what: Version(video, f"{clip}-{what.replace(' ', '-')}") for what, video in rendered.items()}
    readings = scorer.read(versions, waveform)
    return evaluate_clip(
        clip,
        stream_frames(truth_video),
        stream_frames(rendered["avatar"]),
        head_alpha,
        readings[TRUTH],
        readings["avatar"],
        column(read_table(workspace.file("audio", clip, "parquet")), "energy_db"),
        frozen_frames=stream_frames(rendered["frozen face"]),
        frozen=readings["frozen face"],
        perceptual=None if isinstance(scorer.perceptual, Unmeasured) else scorer.perceptual,
        not_measured=scorer.lacking(readings),
    )


def _beside(value: float | None, frozen: float | None) -> str:
    """Write a metric with the frozen baseline's in brackets; what could not be computed is a dash."""
    shown = ["–" if number is None else f"{number:.3f}" for number in (value, frozen)]
    return f"{shown[0]} ({shown[1]})"


if __name__ == "__main__":
    run(evaluate)
