"""A video that is looked at more than once."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from emotag.media.video import ColorConverter, decode_frames

KEPT_BYTES = 256 * 2**20
"""What stays decoded: 25 s of 512², 7 s of 1280 × 720."""


class KeptFrames:
    """The frames of an all-intra pipeline video, to be iterated as often as wanted: (H, W, 3) uint8 RGB each.

    Decoding takes three times as long as anything else that is done to a frame. So what fits in `budget` bytes stays
    decoded (as planes, half the size of RGB) from the first pass on; the rest is decoded anew in each pass. Raises
    InputError as `stream_frames` does.
    """

    def __init__(self, path: Path | str, budget: int = KEPT_BYTES) -> None:
        self._path, self._room = path, budget
        self._kept: list[av.VideoFrame] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        converter = ColorConverter()
        for frame in self._kept:
            yield converter.to_rgb(frame)
        for frame in decode_frames(self._path, len(self._kept)):
            size = sum(plane.buffer_size for plane in frame.planes)
            if size <= self._room:
                self._kept.append(frame)
                self._room -= size
            else:
                self._room = 0  # what is kept has no gap
            yield converter.to_rgb(frame)
