"""Stage `evaluate`: an avatar beside a true video of its person, and beside itself with a frozen face."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from emotag.device import choose_device, move
from emotag.files import write_json
from emotag.head.model import HeadModel
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import AI_MARK, stream_frames, stream_lossless, write_video
from emotag.metrics.efficiency import Speed
from emotag.metrics.engines import Unmeasured
from emotag.metrics.evaluate import Evaluation, evaluate_clip
from emotag.metrics.statistics import Columns
from emotag.perception.audio.engines import make_audio
from emotag.progress import summary
from emotag.sync.shift import in_time
from emotag.synthesis.store import load_avatar
from emotag.tables import FPS, column, frame_table, read_table, write_table
from emotag.timing import Stopwatch
from emotag.training.clip import load_features
from stages.assemble import motion_note
from stages.filming import FilmSet, cue_clip
from stages.known import Known, phones_of
from stages.run import run
from stages.scoring import TRUTH, Scorer, Version
from stages.settings import PipelineSettings, TestEntry, load_settings
from stages.workspace import Workspace

AVATAR, FROZEN = "avatar", "frozen face"


def evaluate(test: Annotated[str, typer.Option(help="Test of params.yaml.")]) -> None:
    """Write metrics, per-frame values and the comparison video of a test."""
    workspace, settings = Workspace(), load_settings()
    entry = settings.test(test)
    device = choose_device(settings.device)
    cpu_head = HeadModel.load(workspace.head)
    scorer = Scorer.make(workspace, settings, settings.metrics)
    avatar = load_avatar(workspace.avatar(entry.identity), motion_note(workspace, cpu_head, [entry.clip])).to(device)
    reference = settings.person(entry.identity).reference
    features = move(load_features(workspace.file("features", entry.clip, "parquet")), device)
    # Of another recording's sound nothing is known that a test may know.
    lag = avatar.audio_lag_s if settings.same_recording(entry.clip, reference) else 0.0
    features = in_time(features, lag)
    source = cue_clip(entry.cues_from(), entry.clip, reference)
    film_set = FilmSet.lay(
        workspace, settings.compose, cpu_head.to(device), avatar, entry.clip, source, len(features), device
    )
    waveform = read_audio(workspace.file("ingest", entry.clip, "wav"))
    sound = (waveform, SAMPLE_RATE)

    watch = Stopwatch(device)
    motion = film_set.predict(features.audio, watch)
    videos = workspace.reports / "videos" / entry.identity
    avatar_video = videos / f"{test}-avatar.mp4"
    with watch.running():
        lossless = film_set.film(avatar_video, motion, AVATAR, watch, audio=sound, comment=AI_MARK)
    with tempfile.TemporaryDirectory() as folder:
        frozen_video = Path(folder) / "frozen.mp4"
        frozen_lossless = film_set.film(frozen_video, None, FROZEN, Stopwatch(device))
        rendered = {AVATAR: avatar_video, FROZEN: frozen_video}
        result = _score(workspace, settings, entry, scorer, rendered, waveform, [lossless, frozen_lossless])
        truth_video = workspace.file("crop", entry.clip, "mp4")
        side_by_side = zip(*map(stream_frames, (truth_video, avatar_video, frozen_video)))
        joined = (np.concatenate(images, axis=1) for images in side_by_side)
        write_video(videos / f"{test}-compare.mp4", joined, crf=16, intra=False, audio=sound, comment=AI_MARK)

    columns = result.columns | {"gate": motion.gate.cpu().numpy(), "e": features.intensity.cpu().numpy()}
    table = workspace.reports / "frames" / f"{test}.parquet"
    write_table(table, frame_table(entry.clip, columns), {"test": test, "identity": entry.identity})
    _listen(settings, waveform, watch)
    content = {
        "identity": entry.identity,
        "tests": [_about(test, entry, settings) | {"audio_lag_s": lag} | result.summary],
        "training": avatar.training,
        "speed": Speed.of(watch.seconds, len(features)).summary(FPS) | {"device": device.type},
        "engines": scorer.engines(),
    }
    metrics = workspace.reports / "metrics" / f"{test}.json"
    write_json(metrics, content)
    summary(f"evaluate {test} (frozen face in brackets)", [*_rows(result), ("metrics", metrics), ("videos", videos)])


def _listen(settings: PipelineSettings, waveform: np.ndarray, watch: Stopwatch) -> None:
    """Time the audio features, after a second of sound has made the engine load what it needs."""
    engine = make_audio(settings.audio)
    engine.features(waveform[:SAMPLE_RATE])
    with watch.measure("audio"):
        engine.features(waveform)


def _about(test: str, entry: TestEntry, settings: PipelineSettings) -> dict[str, Any]:
    return {
        "test": test,
        "protocol": entry.protocol,
        "cues": entry.cues_from(),
        "alignment_rounds": settings.compose.alignment.rounds,
        "emotion": entry.emotion,
        "level": entry.level,
    }


def _score(
    workspace: Workspace,
    settings: PipelineSettings,
    entry: TestEntry,
    scorer: Scorer,
    rendered: Mapping[str, Path],  # AVATAR, FROZEN
    waveform: np.ndarray,  # (N,)
    lossless: Sequence[Columns],  # of the rendered, in order
) -> Evaluation:
    clip, reference = entry.clip, settings.person(entry.identity).reference
    truth_video = workspace.file("crop", clip, "mp4")
    versions = {TRUTH: Version(truth_video, clip, Known.of(workspace, clip))}
    versions |= {what: Version(video, f"{clip}-{what.replace(' ', '-')}") for what, video in rendered.items()}
    readings = scorer.read(versions, waveform)
    energy_db = column(read_table(workspace.file("audio", clip, "parquet")), "energy_db")
    phones = phones_of(workspace, settings, entry, len(energy_db))
    not_measured = scorer.lacking(readings)
    if phones is None:
        not_measured["Closures"] = "no table says which phones are spoken (the test's `phones`)"
    paired = entry.cues_from() == "own"
    return evaluate_clip(
        clip,
        stream_frames(truth_video),
        stream_frames(rendered[AVATAR]),
        (matte[..., 1] for matte in stream_lossless(workspace.file("matte", clip, "mkv"))),
        readings[TRUTH],
        readings[AVATAR],
        energy_db,
        frozen_frames=stream_frames(rendered[FROZEN]),
        frozen=readings[FROZEN],
        perceptual=None if isinstance(scorer.perceptual, Unmeasured) else scorer.perceptual,
        lossless=lossless,
        phones=phones,
        acted=entry.emotion,
        unpaired="" if paired else f"head pose and upper face are those of {reference}, not of the true frames",
        not_measured=not_measured,
    )


def _rows(result: Evaluation) -> list[tuple[str, str]]:
    """Write each metric with the frozen baseline's in brackets, and why others have no number."""
    frozen, intervals = result.summary["frozen"], result.summary["intervals"]
    rows = []
    for name, value in result.summary["metrics"].items():
        low, high = intervals.get(name, (None, None))
        sure = f" [{_number(low)} … {_number(high)}]" if low is not None else ""
        rows.append((name, f"{_number(value)}{sure} ({_number(frozen.get(name))})"))
    return rows + [(f"{name}: not measured", why) for name, why in result.summary["not_measured"].items()]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    run(evaluate)
