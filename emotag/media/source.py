"""A source video as it comes: what it says of itself, its frames with their times, upright and square-pixelled."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

import av
from av.filter import Graph
from av.video.stream import VideoStream

from emotag.errors import InputError
from emotag.tables import FPS

Item = TypeVar("Item")

TIME_TOLERANCE_S = 0.001
"""Containers round times (Matroska to milliseconds): a tick this near to the end is the end."""

_TURNS = {
    90: (("transpose", "clock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "cclock"),),
}
"""Clockwise degrees a picture must be turned by → FFmpeg's filters."""


class SourceVideo:
    """A video file of any kind, read once from its beginning. The attributes grow while `frames` is consumed.

    Raises InputError when the file is missing, unreadable, or has no video stream.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.origin_s = 0.0  # the first frame's time on the container's clock
        self.end_s = 0.0  # where the frames read so far end, from the first frame on
        self.count = 0  # frames read so far
        self.damaged = 0  # of them, damaged ones
        self.rotation = 0  # degrees clockwise by which the frames are turned
        self.exhausted = False
        self.probe = self._probe()

    def _probe(self) -> dict[str, Any]:
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path}: has no video stream; give a video")
                video = container.streams.video[0]
                sound = container.streams.audio[0] if container.streams.audio else None
                return {
                    "source": self.path.name,
                    "format": container.format.name,
                    "video": {
                        "codec": video.codec_context.name,
                        "pixel_format": video.codec_context.pix_fmt,
                        "width": video.codec_context.width,
                        "height": video.codec_context.height,
                        "fps": float(video.average_rate or video.guessed_rate or 0),
                        "duration_s": _seconds(video.duration, video.time_base),
                    },
                    "audio": {
                        "codec": sound.codec_context.name,
                        "sample_rate": sound.codec_context.sample_rate,
                        "channels": sound.codec_context.channels,
                        "start_s": _seconds(sound.start_time, sound.time_base) or 0.0,
                        "duration_s": _seconds(sound.duration, sound.time_base),
                    }
                    if sound
                    else None,
                }
        except FileNotFoundError:
            raise InputError(f"{self.path}: not found; put it there or correct its name") from None
        except IsADirectoryError:
            raise InputError(f"{self.path}: is a folder; give a video file") from None
        except av.error.FFmpegError as error:
            raise self._unreadable(error) from None

    def frames(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yield (time in seconds from the first frame, frame), turned upright, pixels square, sides even."""
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                period = 1 / float(stream.average_rate or stream.guessed_rate or FPS)
                upright = None
                for frame in container.decode(stream):
                    time_s = frame.time if frame.time is not None else self.origin_s + self.end_s
                    if upright is None:
                        self.origin_s = time_s
                        self.rotation = -frame.rotation % 360
                        upright = _Upright(stream, frame, self.rotation)
                    time_s -= self.origin_s
                    self.count += 1
                    self.damaged += bool(frame.is_corrupt)
                    self.end_s = time_s + (_seconds(frame.duration or None, frame.time_base) or period)
                    yield time_s, upright(frame)
            self.exhausted = True
        except av.error.FFmpegError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        where = f" after {self.end_s:.2f} s" if self.count else ""
        return InputError(
            f"{self.path}: cannot be read as video{where} ({getattr(error, 'strerror', error)}); is the file complete?"
        )


class _Upright:
    """FFmpeg's filters that turn a frame upright, make its pixels square and its sides even (H.264 4:2:0)."""

    def __init__(self, stream: VideoStream, frame: av.VideoFrame, rotation: int) -> None:
        steps: list[tuple[str, str | None]] = list(_TURNS.get(rotation, ()))
        width, height = frame.width, frame.height
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if aspect > 0 and aspect != 1:
            width = round(width * aspect)
            steps.insert(0, ("scale", f"{width}:{height}:flags=lanczos+accurate_rnd"))
        if rotation in (90, 270):
            width, height = height, width
        if width % 2 or height % 2:
            steps.append(("crop", f"{width // 2 * 2}:{height // 2 * 2}:0:0:exact=1"))
        self._graph = self._built(stream, frame, steps) if steps else None

    @staticmethod
    def _built(stream: VideoStream, frame: av.VideoFrame, steps: list[tuple[str, str | None]]) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=stream.time_base or Fraction(1, FPS),
            )
        ]
        nodes += [graph.add(name, arguments) for name, arguments in steps]
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._graph is None:
            return frame
        self._graph.push(frame)
        return cast(av.VideoFrame, self._graph.pull())


def nearest_at_rate(
    timed: Iterable[tuple[float, Item]],  # times in seconds, ascending
    start_s: float,
    end_s: float | None,
) -> Iterator[Item]:
    """Yield for every tick start_s + i / 25 the item nearest in time, up to `end_s` or the end of the last item.

    By time and not by count, so that sound stays where it is whatever the source's rate; the nearest and not the one
    before, so that the picture is late by nothing on average.
    """
    tick = 0
    previous: tuple[float, Item] | None = None
    gap = 1 / FPS
    for time_s, item in timed:
        if previous is not None:
            gap = time_s - previous[0]
            middle = previous[0] + gap / 2
            while (at := start_s + tick / FPS) < middle:
                if end_s is not None and at > end_s - TIME_TOLERANCE_S:
                    return
                yield previous[1]
                tick += 1
        previous = (time_s, item)
    if previous is None:
        return
    last = previous[0] + gap - TIME_TOLERANCE_S
    if end_s is not None:
        last = min(last, end_s - TIME_TOLERANCE_S)
    while start_s + tick / FPS < last:
        yield previous[1]
        tick += 1


def _seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    return None if ticks is None or time_base is None else float(ticks * time_base)
