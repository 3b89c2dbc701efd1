"""Two videos of the same moments on one clock: frame i is at i / 25 s of each, whatever their own rates."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from emotag.errors import InputError
from emotag.media.source import SourceVideo, nearest_at_rate
from emotag.media.video import ColorConverter
from emotag.tables import FPS

TOLERANCE = 2
"""Frames by which lengths may differ: encoders drop or repeat a frame at the end. What both have is compared."""


@dataclass(frozen=True)
class Clocked:
    """A video of any kind as it is seen at 25 fps, its own first frame at 0 s."""

    path: Path
    frames: int  # at 25 fps
    width: int  # pixels, upright and square
    height: int
    fps: float  # its own
    source_frames: int

    @staticmethod
    def read(path: Path) -> "Clocked":
        """Look through a video. Raises InputError when it is missing, unreadable, damaged or empty."""
        video = SourceVideo(path)
        width = height = count = 0
        for frame in nearest_at_rate(video.frames(), 0.0, None):
            width, height = frame.width, frame.height
            count += 1
        if not count:
            raise InputError(f"{path}: holds no frames; give a video")
        if video.damaged:
            raise InputError(f"{path}: {video.damaged} of {video.count} frames are damaged; give an undamaged copy")
        return Clocked(path, count, width, height, video.probe["video"]["fps"], video.count)

    def images(self, count: int | None = None) -> Iterator[np.ndarray]:  # each (H, W, 3) uint8 RGB
        """Yield the first `count` frames (all)."""
        convert = ColorConverter()
        for frame in islice(nearest_at_rate(SourceVideo(self.path).frames(), 0.0, None), count):
            yield convert.to_rgb(frame)

    @property
    def origin_s(self) -> float:
        """Where its first frame is on the file's own clock, seconds: its sound begins there."""
        video = SourceVideo(self.path)
        next(video.frames(), None)
        return video.origin_s

    def note(self) -> dict[str, object]:
        """Say what it is, for metadata."""
        return {"file": str(self.path), "fps": self.fps, "source_frames": self.source_frames, "frames": self.frames}


def common_length(truth: Clocked, other: Clocked, what: str, tolerance: int = TOLERANCE) -> int:
    """Give the number of frames that both have.

    Raises InputError when their sizes differ, or their lengths by more than `tolerance` frames.
    """
    if (truth.width, truth.height) != (other.width, other.height):
        raise InputError(
            f"{other.path}: the {what} is {other.width}×{other.height}, the truth {truth.width}×{truth.height}; give "
            "both in one size (scaling one would change what is measured)"
        )
    if abs(truth.frames - other.frames) > tolerance:
        raise InputError(
            f"{other.path}: the {what} lasts {other.frames / FPS:.2f} s ({other.frames} frames at {FPS} fps), the "
            f"truth {truth.frames / FPS:.2f} s ({truth.frames}); more than {tolerance} frames apart: cut both to the "
            "same moments"
        )
    return min(truth.frames, other.frames)
