"""VHAP's frames on our clock, by their times and not by their order."""

import numpy as np

from emotag.errors import InputError
from emotag.perception.tracking.vhap.recording import Recording
from emotag.tables import FPS

_OVERHANG = 1.5
"""Frames by which VHAP's last frame may stand behind ours: resampling rounds the end of a video."""
_GAP = 1.5
"""VHAP's frames between which a frame of ours lies count as neighbours up to this many of its frames apart."""


def on_our_clock(
    recording: Recording,
    frames: int,  # of the crop
    fps: float,  # of the video that VHAP resampled
    min_share: float,
    clip: str,
) -> tuple[Recording, np.ndarray]:  # with one row per frame of the crop; (frames,) bool
    """Take each parameter at the times i / 25 s, linearly between VHAP's frames; say which rows are tracked.

    Rows before the first, after the last and in gaps are held or bridged, and not valid. Raises InputError when the
    recording is longer than the clip or covers too little of it: it is then of another video.
    """
    had = recording.steps / fps  # seconds
    wanted = np.arange(frames) / FPS
    if had[-1] > wanted[-1] + _OVERHANG / FPS:
        raise InputError(
            f"{recording.source}: goes to frame {recording.steps[-1]} ({had[-1]:.2f} s), clip {clip} has {frames} "
            f"frames; VHAP must track data/crop/{clip}.mp4 itself (track.vhap.fps: {fps:g})"
        )
    after = np.searchsorted(had, wanted - 1e-9).clip(max=len(had) - 1)
    before = (np.searchsorted(had, wanted + 1e-9, side="right") - 1).clip(min=0)
    inside = (had[before] <= wanted + 1e-9) & (had[after] >= wanted - 1e-9)
    valid = inside & (had[after] - had[before] <= _GAP / fps)
    if valid.mean() < min_share:
        raise InputError(
            f"{recording.source}: covers {int(valid.sum())} of {frames} frames of clip {clip} (needed: "
            f"{min_share:.0%}); VHAP must track data/crop/{clip}.mp4 itself (track.vhap.fps: {fps:g})"
        )
    # Axis-angle vectors of neighbouring frames are close, so their mix is the turn between them.
    span = np.maximum(had[after] - had[before], 1e-12)
    share = np.clip((wanted - had[before]) / span, 0, 1)[:, None] * inside[:, None]
    rows = {name: (1 - share) * row[before] + share * row[after] for name, row in recording.rows().items()}
    return recording.with_rows(rows, np.arange(frames)), valid
