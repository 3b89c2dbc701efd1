"""Sound in and out: anything FFmpeg reads, to 16 kHz mono."""

import wave
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

from emotag.errors import InputError
from emotag.files import atomic

SAMPLE_RATE = 16_000
"""The one sample rate after `ingest`, Hz."""

_MAX_DRIFT_S = 0.05
"""Timestamps that leave the sample count by more than this are a gap (filled with silence) or a repeat (dropped)."""


def read_audio(path: Path | str) -> np.ndarray:  # (N,) float32 in [-1, 1]
    """Read the sound of a file at 16 kHz mono, from the sound's own beginning.

    Raises InputError when the file is missing, unreadable, or has no sound.
    """
    blocks = list(stream_audio(path))
    if not blocks:
        raise InputError(f"{path}: its audio stream holds no samples; give a file with sound")
    return np.concatenate(blocks)


def stream_audio(
    path: Path | str,
    start_s: float | None = None,  # on the container's clock; None is the first sample
) -> Iterator[np.ndarray]:  # blocks of (n,) float32
    """Yield the sound at 16 kHz mono in blocks whose first sample lies at `start_s`.

    Timestamps rule: sound that begins later is preceded by silence, a gap is filled with silence, so that sample n is
    heard at start_s + n / 16000. Channels are averaged. Raises InputError as `read_audio` does.
    """
    path = Path(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path}: has no audio stream; give a video with sound")
            yield from _joined(_placed(container.decode(container.streams.audio[0]), start_s))
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; give a file with sound") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: its sound cannot be read ({error.strerror}); is the file complete?") from None


def write_wav(
    path: Path | str,
    samples: np.ndarray | Iterable[np.ndarray],  # float32 in [-1, 1]: (N,), or blocks of (n,)
    rate: int = SAMPLE_RATE,
) -> int:
    """Write 16-bit PCM mono, atomically; give the number of samples."""
    with atomic(path) as partial:
        return encode_wav(partial, [samples] if isinstance(samples, np.ndarray) else samples, rate)


def encode_wav(path: Path, blocks: Iterable[np.ndarray], rate: int = SAMPLE_RATE) -> int:
    """Do what `write_wav` does, to the very path: for a writer that renames several files at once."""
    count = 0
    with closing(wave.open(str(path), "wb")) as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for block in blocks:
            file.writeframes(np.round(np.clip(block, -1, 1) * 32767).astype("<i2").tobytes())
            count += len(block)
    return count


def _placed(
    frames: Iterable[av.AudioFrame],
    start_s: float | None,
) -> Iterator[tuple[int, np.ndarray]]:  # index of the first sample, counted from start_s; (n,) float32
    """Resample to 16 kHz mono. A run without gaps is placed once by its timestamp, then counted by its samples."""
    resampler: AudioResampler | None = None
    place = 0
    end_s = 0.0  # where the sound decoded so far ends
    for frame in frames:
        time_s = end_s if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
        start_s = time_s if start_s is None else start_s
        if resampler is not None and abs(time_s - end_s) > _MAX_DRIFT_S:
            yield place, _resampled(resampler, None)
            resampler = None
        if resampler is None:
            resampler = AudioResampler(format="fltp", layout=frame.layout, rate=SAMPLE_RATE)
            place, end_s = round((time_s - start_s) * SAMPLE_RATE), time_s
        block = _resampled(resampler, frame)
        yield place, block
        place += len(block)
        end_s += frame.samples / frame.sample_rate
    if resampler is not None:
        yield place, _resampled(resampler, None)


def _resampled(resampler: AudioResampler, frame: av.AudioFrame | None) -> np.ndarray:
    # The mean over channels is taken here: FFmpeg's own stereo mix is 3 dB louder and clips.
    blocks = [made.to_ndarray().mean(axis=0) for made in resampler.resample(frame)]
    return np.concatenate(blocks).astype(np.float32) if blocks else np.zeros(0, dtype=np.float32)


def _joined(placed: Iterable[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
    """Make placed blocks one stream from sample 0: silence in gaps, what lies before 0 or repeats is dropped."""
    position = 0
    for place, block in placed:
        while place > position and len(block):
            silence = np.zeros(min(place - position, SAMPLE_RATE), dtype=np.float32)
            position += len(silence)
            yield silence
        fresh = block[position - place :]
        if len(fresh):
            position += len(fresh)
            yield fresh
