"""`emotag score`: any method's video by the same ruler as this project's own avatars.

Not a stage of the DAG: what it measures is not made here. It writes `reports/scores/<method>.json`

    {"method": str,
     "engines": {task: {"engine", "version", "weights"}},   one set for all of a method's clips
     "metrics": {metric: {"mean", "low", "high", "frames"}},   pooled over the clips, 95 % bootstrap intervals
     "tests": [{"test", "clip": name of the clip, "protocol", "cues", "emotion", "level",
                "render_video", "truth_video": {"file", "sha256", "fps", "source_frames", "frames"},
                "matte": where it comes from, "frames_late": of the render, 0 when it fits best as it is,
                … as in reports/metrics/<test>.json (emotag.metrics.evaluate), without a frozen face}]}

and the frames' values beside it, `reports/scores/<method>/<clip>.parquet`.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from emotag.errors import InputError
from emotag.files import sha256
from emotag.matching.clock import Clocked, common_length
from emotag.matching.shift import lateness
from emotag.media.audio import SAMPLE_RATE, read_audio, stream_audio
from emotag.media.source import SourceVideo
from emotag.media.video import stream_frames, stream_lossless, write_lossless
from emotag.metrics.catalogue import BY_KEY
from emotag.metrics.engines import Unmeasured
from emotag.metrics.evaluate import Evaluation, evaluate_clip
from emotag.metrics.phones import read_phones
from emotag.metrics.protocols import DEFAULT_CUES, PROTOCOLS, ProtocolName
from emotag.perception.audio.prosody import energy
from emotag.progress import summary, track
from emotag.tables import FPS
from emotag.vocabulary import EMOTIONS
from stages.known import Known
from stages.run import run
from stages.scoreboard import Scoreboard
from stages.scoring import TRUTH, Scorer, Version
from stages.settings import NAME, load_settings
from stages.workspace import Workspace

METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,62}")
"""What a method's name looks like: it becomes a file name."""

RENDER = "render"
_SAMPLES = SAMPLE_RATE // FPS


@dataclass(frozen=True)
class Pair:
    """The two videos as they are compared, in lossless copies at 25 fps."""

    truth: Path
    render: Path
    frames: int
    waveform: np.ndarray  # (N,) 16 kHz


def score(
    method: Annotated[str, typer.Option(help="Name of the method, as tables show it (InsTaG).")],
    render: Annotated[Path, typer.Option(help="The method's video.")],
    truth: Annotated[Path, typer.Option(help="The true video of the same moments, of the same size.")],
    matte: Annotated[
        Path | None, typer.Option(help="Video of the true head's matte, green is its alpha (left out: computed).")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound (left out: the true video's).")] = None,
    phones: Annotated[Path | None, typer.Option(help="Table of the phones in the true video.")] = None,
    clip: Annotated[str | None, typer.Option(help="Name of the clip (left out: the true video's file name).")] = None,
    protocol: Annotated[str, typer.Option(help=f"What the clip varies: {', '.join(PROTOCOLS)}.")] = "self",
    emotion: Annotated[str | None, typer.Option(help="What the person was asked to show.")] = None,
    level: Annotated[int | None, typer.Option(min=0, max=3, help="How much of it.")] = None,
) -> None:
    """Measure a method's video of a clip beside the true one, and add it to the method's scores."""
    workspace, settings = Workspace(), load_settings()
    name = _clip_name(clip, truth)
    _check(method, protocol, emotion)
    seen = Clocked.read(truth), Clocked.read(render)
    frames = common_length(*seen, RENDER)
    scorer = Scorer.make(workspace, settings, settings.metrics)
    board = Scoreboard(workspace.reports / "scores", method, scorer.engines())
    with tempfile.TemporaryDirectory() as folder:
        own = _own_clip(workspace, truth, frames)
        pair = _pair(*seen, frames, _sound(workspace, seen[0], audio, own), Path(folder))
        masks, source = _mattes(workspace, scorer, pair, matte, own, seen[0])
        result, late = _measure(workspace, scorer, pair, name, own, masks, _phones(phones, pair.frames),
                                protocol, emotion)  # type: ignore[arg-type]  # fmt: skip
    entry = {
        "test": name,
        "clip": name,
        "protocol": protocol,
        "cues": DEFAULT_CUES[protocol],  # type: ignore[index]
        "emotion": emotion,
        "level": level,
        "render_video": seen[1].note() | {"sha256": sha256(render)},
        "truth_video": seen[0].note() | {"sha256": sha256(truth)},
        "matte": source,
        "frames_late": late,
    } | result.summary
    board.add(entry, result.columns)
    _tell(method, entry, board)


def _check(method: str, protocol: str, emotion: str | None) -> None:
    if not METHOD.fullmatch(method):
        raise InputError(f"'{method}' cannot name a method: letters, digits, + . _ and -, at most 63")
    if protocol not in PROTOCOLS:
        raise InputError(f"there is no protocol '{protocol}' (there are: {', '.join(PROTOCOLS)})")
    if emotion is not None and emotion not in EMOTIONS:
        raise InputError(f"there is no emotion '{emotion}' (there are: {', '.join(EMOTIONS)})")


def _clip_name(clip: str | None, truth: Path) -> str:
    name = clip if clip is not None else re.sub(r"[^a-z0-9]+", "-", truth.stem.lower()).strip("-")[:63]
    if not NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot name a clip: give --clip in lower-case letters, digits and dashes")
    return name


def _pair(truth: Clocked, render: Clocked, frames: int, waveform: np.ndarray, folder: Path) -> Pair:
    """Copy what both have to 25 fps, without loss, and cut or pad the sound to it."""
    files = {what: folder / f"{what}.mkv" for what in (TRUTH, RENDER)}
    for (what, file), video in zip(files.items(), (truth, render)):
        write_lossless(file, track(video.images(frames), f"reading the {what}", frames))
    sound = np.zeros(frames * _SAMPLES, np.float32)
    kept = waveform[: len(sound)]
    sound[: len(kept)] = kept
    return Pair(files[TRUTH], files[RENDER], frames, sound)


def _own_clip(workspace: Workspace, truth: Path, frames: int) -> str | None:
    """Name the project's clip that the truth is, bit by bit: then its tables and its matte are known."""
    for file in sorted(workspace.file("crop", "x", "mp4").parent.glob("*.mp4")):
        same_length = file.stat().st_size == truth.stat().st_size
        if same_length and sha256(file) == sha256(truth) and Clocked.read(file).frames == frames:
            return file.stem
    return None


def _sound(workspace: Workspace, truth: Clocked, given: Path | None, own: str | None) -> np.ndarray:  # (N,) 16 kHz
    """Read the clip's sound, from its first frame on. Raises InputError when there is none."""
    if given is not None:
        return read_audio(given)
    if own is not None:  # a crop has none
        return read_audio(workspace.file("ingest", own, "wav"))
    if SourceVideo(truth.path).probe["audio"] is None:
        raise InputError(f"{truth.path}: has no sound; give a video that has, or the sound by --audio")
    return np.concatenate(list(stream_audio(truth.path, truth.origin_s)))


def _mattes(
    workspace: Workspace, scorer: Scorer, pair: Pair, given: Path | None, own: str | None, truth: Clocked
) -> tuple[Iterator[np.ndarray], str]:  # (H, W) uint8 each; where they come from
    if given is not None:
        video = Clocked.read(given)
        if common_length(truth, video, "matte") < pair.frames:
            raise InputError(f"{given}: the matte ends after {video.frames} of {pair.frames} frames; give all of it")
        return (image[..., 1] for image in video.images(pair.frames)), f"{given.name}"
    if own is not None:
        return (image[..., 1] for image in stream_lossless(workspace.file("matte", own, "mkv"))), f"clip {own}"
    from stages.head_matte import head_mattes

    return head_mattes(workspace, scorer, pair.truth, str(truth.path)), "tracked and segmented in the truth"


def _phones(table: Path | None, frames: int) -> list[str] | None:
    return None if table is None else read_phones(table, frames, 0.0)


def _known(workspace: Workspace, scorer: Scorer, own: str | None) -> Known | None:
    """Give what the tables say, when the truth is a clip of params.yaml."""
    clips = scorer.settings.clips
    if own is None or own not in clips:
        return None
    return Known.of(workspace, own)


def _measure(
    workspace: Workspace,
    scorer: Scorer,
    pair: Pair,
    name: str,
    own: str | None,
    masks: Iterator[np.ndarray],
    phones: list[str] | None,
    protocol: ProtocolName,
    emotion: str | None,
) -> tuple[Evaluation, int]:  # frames by which the render is late
    versions = {
        TRUTH: Version(pair.truth, own or name, _known(workspace, scorer, own)),
        RENDER: Version(pair.render, f"{name}-{RENDER}"),
    }
    readings = scorer.read(versions, pair.waveform)
    not_measured = scorer.lacking(readings)
    if phones is None:
        not_measured["Closures"] = "no table says which phones are spoken (--phones)"
    paired = DEFAULT_CUES[protocol] == "own"
    result = evaluate_clip(
        name,
        stream_frames(pair.truth),
        stream_frames(pair.render),
        masks,
        readings[TRUTH],
        readings[RENDER],
        energy(pair.waveform, pair.frames),
        perceptual=None if isinstance(scorer.perceptual, Unmeasured) else scorer.perceptual,
        phones=phones,
        acted=emotion,
        unpaired="" if paired else f"protocol '{protocol}' takes head pose and upper face from another clip",
        not_measured=not_measured,
        note="The method's own video as it is, the whole frame; both videos at 25 fps by time.",
    )
    true, made = readings[TRUTH], readings[RENDER]
    late = lateness(true.points68, made.points68, true.points_valid & made.points_valid) if paired else 0
    return result, late


def _tell(method: str, entry: Mapping[str, Any], board: Scoreboard) -> None:
    rows: list[tuple[str, object]] = []
    for key, value in entry["metrics"].items():
        metric = BY_KEY[key]
        shown = "–" if value is None else f"{value:.{metric.decimals}f} {metric.unit}".rstrip()
        low, high = entry["intervals"].get(key, (None, None))
        sure = "" if low is None else f"  [{low:.{metric.decimals}f} … {high:.{metric.decimals}f}]"
        rows.append((metric.label, shown + sure))
    rows += [(f"{label}: not measured", why) for label, why in entry["not_measured"].items()]
    if late := entry["frames_late"]:
        rows.append(("WARNING", f"the render fits the truth better {late} frames earlier; are both cut alike?"))
    rows += [("head matte", entry["matte"]), (f"clips of {method}", len(board.tests)), ("file", board.file)]
    summary(f"{method} on {entry['test']}, {entry['frames']} frames", rows)


if __name__ == "__main__":
    run(score)
