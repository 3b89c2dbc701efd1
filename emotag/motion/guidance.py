"""The emotion teacher's terms as the motion network sees them (EmoTaG §3.2.4)."""

from torch import Tensor

from emotag.vocabulary import EMOTIONS

N_EMOTIONS = len(EMOTIONS)
NEUTRAL = EMOTIONS.index("neutral")


def emotion_score(
    probabilities: Tensor,  # (..., 7)
) -> Tensor:  # (...)
    """e = 1 − p_emo(neutral) ∈ [0, 1] (EmoTaG Eq. 9)."""
    return 1 - probabilities[..., NEUTRAL]
