"""Source videos made for the tests: every frame carries its own number, sound and picture share known events."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

TICKS = 90_000  # time base of the made videos, 1/s
BITS, CELL = 10, 8  # a frame's number is written into its top rows as black and white cells


def numbered(number: int, width: int = 128, height: int = 96) -> np.ndarray:
    """Give a grey picture that holds its own number."""
    image = np.full((height, width, 3), 128, dtype=np.uint8)
    for bit in range(BITS):
        image[:CELL, bit * CELL : (bit + 1) * CELL] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: np.ndarray) -> int:
    """Read the number back."""
    cells = [image[2 : CELL - 2, bit * CELL + 2 : (bit + 1) * CELL - 2].mean() > 128 for bit in range(BITS)]
    return sum(1 << bit for bit, on in enumerate(cells) if on)


def write_source(
    path: Path,
    times: Sequence[float],  # seconds, one a frame
    *,
    sound: np.ndarray | None = None,  # (channels, N) float32 at `rate`
    rate: int = 44_100,
    sound_start: float = 0.0,
    picture: Callable[[int], np.ndarray] = numbered,
    codec: str = "libx264",
) -> Path:
    """Write a video with these timestamps."""
    with av.open(str(path), "w") as container:
        first = picture(0)
        video = container.add_stream(codec, rate=Fraction(30))
        video.height, video.width = first.shape[:2]
        video.pix_fmt = "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, TICKS)
        voice = None
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            voice = container.add_stream("aac", rate=rate, layout=layout)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if voice is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
            block.sample_rate, block.time_base = rate, Fraction(1, rate)
            block.pts = round(sound_start * rate)
            container.mux(voice.encode(block))
            container.mux(voice.encode())
    return path


def tone(seconds: float, rate: int = 44_100, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    wave = 0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[None], channels, axis=0).astype(np.float32)


class SourceKit:
    """What the tests of media make their sources with."""

    numbered = staticmethod(numbered)
    number_of = staticmethod(number_of)
    write = staticmethod(write_source)
    tone = staticmethod(tone)


@pytest.fixture
def kit() -> type[SourceKit]:
    return SourceKit
