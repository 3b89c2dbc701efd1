"""Undoing a lag."""

from dataclasses import replace

import torch

from emotag.tables import FPS
from emotag.training.clip import ClipFeatures


def in_time(features: ClipFeatures, lag_s: float) -> ClipFeatures:
    """Give a clip's features with the sound that belongs to each frame: that of `lag_s` later.

    Between two frames' features stands their mixture; the clip's first or last stands beyond its ends.
    """
    if lag_s == 0.0:
        return features
    audio = features.audio
    places = torch.arange(len(audio), device=audio.device, dtype=audio.dtype) + lag_s * FPS
    places = places.clamp(0, len(audio) - 1)
    before = places.long()
    after = (before + 1).clamp_max(len(audio) - 1)
    return replace(features, audio=torch.lerp(audio[before], audio[after], (places - before)[:, None]))
