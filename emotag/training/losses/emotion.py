"""Semantic Emotion Guidance: the emotion latent and the gate against the frozen teacher (EmoTaG §3.2.4)."""

import torch
from torch import Tensor

from emotag.training.losses.reduce import known, weighted_mean


def emotion_kl(
    logits: Tensor,  # (..., 7)
    probabilities: Tensor,  # (..., 7) the teacher's p_emo; sums to 1
    valid: Tensor | None = None,  # (...) bool: frames that the teacher could judge
) -> Tensor:  # ()
    """L_KL = KL(p_emo ‖ softmax(z_e)), mean over valid frames, in nats (EmoTaG Eq. 12). 0 · log 0 counts as 0."""
    probabilities = known(probabilities, None if valid is None else valid[..., None])
    entropy = torch.xlogy(probabilities, probabilities).sum(dim=-1)
    cross = -(probabilities * logits.log_softmax(dim=-1)).sum(dim=-1)
    return weighted_mean(entropy + cross, valid)


def gate_score(
    gate: Tensor,  # (...) in 0…1
    intensity: Tensor,  # (...) e in 0…1
    valid: Tensor | None = None,  # (...) bool
) -> Tensor:  # ()
    """L_score = |g − e|, mean over valid frames (EmoTaG Eq. 13)."""
    return weighted_mean((gate - known(intensity, valid)).abs(), valid)
