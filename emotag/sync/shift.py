"""Undoing a lag."""

from dataclasses import replace

import numpy as np
import torch

from emotag.sync.predictor import rows_at
from emotag.tables import FPS
from emotag.training.clip import ClipFeatures


def in_time(features: ClipFeatures, lag_s: float) -> ClipFeatures:
    """Give a clip's features with the sound that belongs to each frame: that of `lag_s` later.

    Between two frames' features stands their mixture; the clip's first or last stands beyond its ends.
    """
    if lag_s == 0.0:
        return features
    audio = features.audio
    moved = rows_at(audio.cpu().numpy(), np.arange(len(audio)) + lag_s * FPS)
    return replace(features, audio=torch.from_numpy(moved).to(audio))
