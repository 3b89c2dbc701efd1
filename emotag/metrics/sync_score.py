"""What SyncNet says of a clip."""

from dataclasses import dataclass

import numpy as np

MIN_TRACK = 100
"""SyncNet's own pipeline drops tracks of fewer frames than this."""


@dataclass(frozen=True)
class SyncScore:
    """What SyncNet says of a clip."""

    confidence: float  # Sync-C: median over shifts of the mean distance, minus its smallest; larger is better
    distance: float  # Sync-E: the smallest mean distance over shifts; smaller is better
    offset: int  # frames by which the lips come after the sound
    per_frame: np.ndarray  # (T,) distance at that offset of the window centred on the frame; NaN at the ends
    curve: np.ndarray  # (31,) mean distance at shifts −15 … +15 of the sound
    by_shift: np.ndarray | None = None  # (T, 31) the distances that `curve` is the mean of; rows of NaN at the ends
