"""Any video to the pipeline's one clock: 25 fps constant, upright, with 16 kHz mono sound of the same length."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from av import VideoFrame

from emotag.errors import InputError
from emotag.files import atomic, sha256, write_json
from emotag.media.audio import SAMPLE_RATE, encode_wav, stream_audio
from emotag.media.settings import IngestSettings
from emotag.media.source import SourceVideo, nearest_at_rate
from emotag.media.video import encode_video
from emotag.tables import FPS

_MAX_DAMAGED_SHARE = 0.01  # of the frames; a few damaged ones at a stream's start are usual
_MAX_MISSING_S = 0.5  # how much earlier than its container says a complete stream may end
_SAMPLES_PER_FRAME = SAMPLE_RATE // FPS


def ingest(
    source: Path | str,
    video_path: Path | str,
    audio_path: Path | str,
    probe_path: Path | str,
    settings: IngestSettings,
    *,
    start_s: float = 0.0,  # from the video's first frame
    end_s: float | None = None,
    progress: Callable[[Iterable[VideoFrame]], Iterable[VideoFrame]] = iter,  # passes frames on, for a progress bar
) -> dict[str, Any]:
    """Write the 25 fps video (all-intra H.264), the sound (16 kHz mono PCM) and the probe (JSON) of one clip.

    Gives the probe. Frame i shows the source frame nearest in time to start_s + i / 25; sample n is heard at
    start_s + n / 16000; the sound is cut or padded to the video's end. Streamed: memory does not grow with length.
    All three files appear, or none does. Raises InputError when the source is missing, unreadable, incomplete, too
    short, or lacks the sound that the settings ask for.
    """
    video = SourceVideo(source)
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise InputError(f"{source}: start_s {start_s} to end_s {end_s} is no stretch; correct them in params.yaml")
    if video.probe["audio"] is None and settings.require_audio:
        raise InputError(
            f"{source}: has no audio stream; give a video with sound (ingest.require_audio: false admits clips that "
            "are only looked at)"
        )
    with atomic(video_path) as partial_video, atomic(audio_path) as partial_audio:
        frames = nearest_at_rate(video.frames(), start_s, end_s)
        first = next(frames, None)
        if first is None:
            raise InputError(f"{source}: start_s {start_s:g} lies beyond the video's end at {video.end_s:.2f} s")
        rows = encode_video(partial_video, progress(chain((first,), frames)), crf=settings.crf)
        _refuse_incomplete(video, end_s)
        if rows < settings.min_seconds * FPS:
            raise InputError(
                f"{source}: {rows / FPS:.2f} s of video from {start_s:g} s on, at least {settings.min_seconds:g} s are "
                "needed; give a longer stretch"
            )
        level = _Level()
        blocks = _sound(video, start_s, rows * _SAMPLES_PER_FRAME)
        encode_wav(partial_audio, level.measured(blocks))
        if video.probe["audio"] and level.peak < settings.silence_peak and not settings.allow_silence:
            raise InputError(
                f"{source}: its sound is silence (peak {level.peak:.5f}); give a video with a voice "
                "(ingest.allow_silence: true admits clips that are only looked at)"
            )
        probe = video.probe | {
            "sha256": sha256(source),
            "rotation": video.rotation,
            "source_frames": video.count,
            "damaged_frames": video.damaged,
            "video_origin_s": round(video.origin_s, 6),
            "start_s": start_s,
            "frames": rows,
            "seconds": rows / FPS,
            "audio_peak": round(level.peak, 6),
            "audio_rms": round(level.rms, 6),
        }
        write_json(probe_path, probe)
    return probe


def _refuse_incomplete(video: SourceVideo, end_s: float | None) -> None:
    if video.damaged > _MAX_DAMAGED_SHARE * video.count:
        raise InputError(
            f"{video.path}: {video.damaged} of {video.count} frames are damaged; give an undamaged copy of the file"
        )
    declared = video.probe["video"]["duration_s"]
    if video.exhausted and declared and video.end_s < min(declared, end_s or declared) - _MAX_MISSING_S:
        raise InputError(
            f"{video.path}: ends after {video.end_s:.2f} s but says it has {declared:.2f} s; "
            "the file is cut short, give a complete copy"
        )


def _sound(video: SourceVideo, start_s: float, samples: int) -> Iterator[np.ndarray]:
    """Yield exactly `samples` samples from the time of the clip's first frame on, padded with silence."""
    if video.probe["audio"]:
        for block in stream_audio(video.path, video.origin_s + start_s):
            yield block[:samples]
            samples -= min(len(block), samples)
            if not samples:
                return
    while samples:
        silence = np.zeros(min(samples, SAMPLE_RATE), dtype=np.float32)
        samples -= len(silence)
        yield silence


class _Level:
    """Peak and root mean square of a stream that passes by."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._squares = 0.0
        self._count = 0

    @property
    def rms(self) -> float:
        return float(np.sqrt(self._squares / max(self._count, 1)))

    def measured(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            self._squares += float(np.square(block, dtype=np.float64).sum())
            self._count += len(block)
            yield block
