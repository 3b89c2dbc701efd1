"""What perception read off one version of a clip."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotag.metrics.sync_score import SyncScore


@dataclass(frozen=True)
class Portraits:
    """Identity embeddings of a few frames."""

    frames: np.ndarray  # (K,) int, ascending
    embeddings: np.ndarray  # (K, D); rows of NaN where there is no face


@dataclass(frozen=True)
class Readings:
    """What perception read off one version of the clip (truth, render or frozen). T rows, one per frame."""

    points68: np.ndarray  # (T, 68, 2) pixels of the evaluated frame; rows that failed may hold anything
    points_valid: np.ndarray  # (T,) bool
    action_units: Mapping[str, np.ndarray]  # "AU01_r" … -> (T,) intensities 0-5
    units_valid: np.ndarray  # (T,) bool
    sync: SyncScore | None = None  # of this version's lips and the clip's sound; None where it is not measured
    emotions: np.ndarray | None = None  # (T, 7) the teacher's distribution over EMOTIONS; NaN where it failed
    portraits: Portraits | None = None  # of the same frames in every version; None where it is not measured
