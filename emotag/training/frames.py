"""Reading the head's part of a clip's frames from the crop and its matte, several stretches at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import torch

from emotag.camera import Camera
from emotag.errors import InputError
from emotag.media.video import ColorConverter, count_frames, decode_frames
from emotag.training.clip import ClipFrames, Window

ROI_MARGIN = 0.03
"""Space kept around the head, as a share of the frame's side."""

ROI_MULTIPLE = 16
"""The window's sides are multiples of this, the rasterizer's tile."""

HEAD = 127
"""Head alpha (of 255) above which a pixel belongs to the head."""

HEAD_CHANNEL = 1
"""The channel of the matte that holds the head."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def load_frames(video: Path, matte: Path, focal_length: float) -> ClipFrames:
    """Read the head's part of a whole clip, with as many threads as torch has.

    Raises InputError when the matte is empty, a file cannot be read, or the two disagree in length or size.
    """
    count = matching_frames(video, matte)
    covered = head_cover(matte, count)
    window = head_window(covered, matte)
    colour = np.empty((count, window.height, window.width, 3), np.uint8)
    alpha = np.empty((count, window.height, window.width, 1), np.uint8)

    def fill(part: range) -> None:
        rows = slice(part.start, part.stop)
        read_window(video, matte, window, part, colour[rows], alpha[rows])

    in_parallel(fill, split(count, torch.get_num_threads()))
    height, width = covered.shape
    camera = Camera(focal_length, width, height)
    return ClipFrames(window, camera, torch.from_numpy(colour), torch.from_numpy(alpha))


def matching_frames(video: Path, matte: Path) -> int:
    """Count the frames of a clip without decoding. Raises InputError when crop and matte disagree."""
    count, mattes = count_frames(video), count_frames(matte)
    if count != mattes:
        raise InputError(f"{matte}: {mattes} frames, but {video} has {count}; run `dvc repro` to remake it")
    return count


def read_window(
    video: Path,
    matte: Path,
    window: Window,
    frames: range,  # a stretch of the clip
    colour: np.ndarray,  # (n, h, w, 3) uint8, filled
    head_alpha: np.ndarray,  # (n, h, w, 1) uint8, filled
) -> None:
    """Decode a stretch of a clip, the window's part of it, into arrays that are there already.

    Raises InputError when a file cannot be read, ends early, or the two differ in size.
    """
    converter = ColorConverter()
    filled = 0
    for row, frame in _stretch(video, frames):
        image = converter.to_rgb(frame)
        filled += 1
        if image.shape[0] < window.y + window.height or image.shape[1] < window.x + window.width:
            raise InputError(f"{video}: its frames are smaller than those of {matte}; run `dvc repro` to remake them")
        colour[row] = window.cut(image)
    _expect(filled, frames, video)
    filled = 0
    for row, frame in _stretch(matte, frames):
        head_alpha[row, ..., 0] = window.cut(frame.to_ndarray(format="rgb24"))[..., HEAD_CHANNEL]
        filled += 1
    _expect(filled, frames, matte)


def _stretch(path: Path, frames: range) -> Iterator[tuple[int, av.VideoFrame]]:
    """Seek to the key frame at or before the first frame and decode from there: also files that are not all-intra."""
    return enumerate(islice(decode_frames(path, frames.start), len(frames)))


def _expect(found: int, frames: range, path: Path) -> None:
    if found != len(frames):
        raise InputError(f"{path}: ends at frame {frames.start + found}; is the file complete?")


def head_cover(
    matte: Path,
    count: int,  # frames of the clip
) -> np.ndarray:  # (H, W) bool
    """Give the pixels that the head covers in some frame, holding one frame a thread at a time."""

    def cover(part: range) -> np.ndarray:
        return _union(frame for _, frame in _stretch(matte, part))

    return np.any(list(in_parallel(cover, split(count, torch.get_num_threads()))), axis=0)


def head_cover_of_key_frames(matte: Path) -> np.ndarray:  # (H, W) bool
    """Give the pixels that the head covers in some key frame: about two frames a second, for clips of minutes.

    What the head covers only between two key frames and beyond the window's margin is then not compared.
    """
    try:
        with av.open(str(matte)) as container:
            stream = container.streams.video[0]
            keys = (packet for packet in container.demux(stream) if packet.is_keyframe and packet.size)
            return _union(frame for packet in keys for frame in stream.decode(packet))
    except FileNotFoundError:
        raise InputError(f"{matte}: not found; run the stage that makes it (`dvc repro`)") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{matte}: cannot be read as lossless video ({error})") from None


def _union(frames: Iterable[av.VideoFrame]) -> np.ndarray:
    covered: np.ndarray | None = None
    for frame in frames:
        head = frame.to_ndarray(format="rgb24")[..., HEAD_CHANNEL] > HEAD
        covered = head if covered is None else covered | head
    return np.zeros((1, 1), bool) if covered is None else covered


def head_window(
    covered: np.ndarray,  # (H, W) bool: pixels that the head covers in some frame
    source: Path,
) -> Window:
    """Give the smallest window that holds the head in every frame, with a margin.

    Raises InputError when there is no head.
    """
    if not covered.any():
        raise InputError(f"{source}: no head in any frame; look at the contact sheet beside it")
    height, width = covered.shape
    margin = round(ROI_MARGIN * max(height, width))
    x, columns = _span(np.any(covered, axis=0), width, margin)
    y, rows = _span(np.any(covered, axis=1), height, margin)
    return Window(x, y, columns, rows)


def _span(occupied: np.ndarray, side: int, margin: int) -> tuple[int, int]:
    """First index and length: of the occupied part, widened by the margin and to a multiple, inside the frame."""
    where = np.flatnonzero(occupied)
    first = max(0, int(where[0]) - margin)
    last = min(side, int(where[-1]) + 1 + margin)
    length = min(side, -(-(last - first) // ROI_MULTIPLE) * ROI_MULTIPLE)
    return min(first, side - length), length


def split(count: int, parts: int) -> list[range]:
    """Cut `count` frames into at most `parts` stretches of about one length, none empty."""
    parts = max(1, min(parts, count))
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(first, last) for first, last in pairwise(edges)]


def in_parallel(function: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    """Call a function on every item, a thread each: decoding leaves Python's lock alone."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))
