"""The worst frames of a test, truth and avatar and what differs side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emotag.errors import InputError
from emotag.media.video import stream_frames
from emotag.metrics.catalogue import BY_KEY
from emotag.report.data import Columns, TestResult
from emotag.report.embed import jpeg_uri
from emotag.report.figures import comparable
from emotag.report.tables import number
from emotag.tables import FPS

WORST_BY = ("lmd", "psnr_head")
"""Metrics whose worst frames are shown: of the mouth's shape, and of the head's picture."""

GAIN = 4
"""Differences are shown this many times as large, so that they can be seen."""

_QUALITY = 82


@dataclass(frozen=True)
class WorstFrame:
    """One bad frame."""

    frame: int
    time_s: float
    value: str  # with its unit
    picture: str  # data URI of a JPEG: truth, avatar, difference × GAIN


@dataclass(frozen=True)
class WorstFrames:
    """The worst frames by one metric, worst first."""

    metric: str
    frames: Sequence[WorstFrame]


def worst_frames(test: TestResult, most: int, apart: int, side: int) -> list[WorstFrames]:
    """Give up to `most` worst frames by each of WORST_BY, at least `apart` frames from each other.

    Pictures are at most `side` pixels high. A test without videos or columns has none. Raises InputError when a video
    ends before its table does.
    """
    if not (test.frames and test.true_video and test.avatar_video):
        return []
    picked = {key: pick_worst(comparable(test.frames), key, most, apart) for key in WORST_BY}
    wanted = {frame for frames in picked.values() for frame in frames}
    if not wanted:
        return []
    truth, avatar = (read_some(video, wanted) for video in (test.true_video, test.avatar_video))
    return [
        WorstFrames(
            BY_KEY[key].label,
            [_shown(test.frames, key, frame, beside(truth[frame], avatar[frame], side)) for frame in frames],
        )
        for key, frames in picked.items()
        if frames
    ]


def pick_worst(frames: Columns, key: str, most: int, apart: int) -> list[int]:
    """Give the frames where a metric is worst, worst first; neighbours of a picked one show the same fault again."""
    if key not in frames:
        return []
    badness = np.where(np.isfinite(frames[key]), frames[key], np.nan)
    if BY_KEY[key].higher_is_better:
        badness = -badness
    picked: list[int] = []
    for frame in np.argsort(-badness):
        if len(picked) == most or not np.isfinite(badness[frame]):
            break
        if all(abs(int(frame) - other) >= apart for other in picked):
            picked.append(int(frame))
    return picked


def read_some(video: Path, wanted: Iterable[int]) -> Mapping[int, np.ndarray]:  # frame -> (H, W, 3) uint8 RGB
    """Read some frames of a video. Raises InputError when it ends before the last of them."""
    left = set(wanted)
    found = {}
    for index, image in enumerate(stream_frames(video)):
        if index in left:
            found[index] = image
            left.discard(index)
            if not left:
                return found
    if left:
        raise InputError(f"{video}: ends before frame {max(left)} of its table of frames; run its stage again")
    return found


def beside(
    truth: np.ndarray,  # (H, W, 3) uint8 RGB
    avatar: np.ndarray,  # (H, W, 3) uint8 RGB
    side: int,
) -> np.ndarray:  # (h, 3w, 3) uint8 RGB
    """Join truth, avatar and GAIN times their absolute difference."""
    if truth.shape != avatar.shape:
        height, width = truth.shape[:2]
        avatar = cv2.resize(avatar, (width, height), interpolation=cv2.INTER_AREA)
    difference = np.minimum(cv2.absdiff(truth, avatar).astype(np.int32) * GAIN, 255).astype(np.uint8)
    joined = np.concatenate([truth, avatar, difference], axis=1)
    height, width = joined.shape[:2]
    if height <= side:
        return joined
    return cv2.resize(joined, (round(width * side / height), side), interpolation=cv2.INTER_AREA)


def _shown(frames: Columns, key: str, frame: int, picture: np.ndarray) -> WorstFrame:
    time_s = float(frames["time_s"][frame]) if "time_s" in frames else frame / FPS
    metric = BY_KEY[key]
    value = f"{number(float(frames[key][frame]), metric.decimals)} {metric.unit}".strip()
    return WorstFrame(frame, time_s, value, jpeg_uri(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _QUALITY))
