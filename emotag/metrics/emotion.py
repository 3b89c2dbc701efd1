"""Does a render show the emotion of the true video? Read by the teacher (EmoTaG §3.2.4) off both."""

import numpy as np

from emotag.vocabulary import EMOTIONS

PROBABILITY_FLOOR = 1e-3
"""Probabilities below it count as it. A network that saturates gives 1e-9, and a single frame would be the clip's mean;
so one frame's divergence is at most ln 1000 = 6.9."""


def divergence(
    truth: np.ndarray,  # (T, 7) distributions over EMOTIONS; NaN where unknown
    render: np.ndarray,  # (T, 7) likewise
) -> np.ndarray:  # (T,) nats
    """Give KL(truth ‖ render) of every frame, the divergence of Eq. 12 with the render in the latent's place."""
    _check(truth, render)
    p, q = _floored(truth), _floored(render)
    return np.asarray((p * np.log(p / q)).sum(axis=1))


def agreement(
    truth: np.ndarray,  # (T, 7)
    render: np.ndarray,  # (T, 7)
) -> np.ndarray:  # (T,) 1 or 0, NaN where either is unknown
    """Tell where the likeliest emotion is the same."""
    _check(truth, render)
    known = np.isfinite(truth).all(axis=1) & np.isfinite(render).all(axis=1)
    return np.where(known, truth.argmax(axis=1) == render.argmax(axis=1), np.nan)


def intensity(
    probabilities: np.ndarray,  # (T, 7)
) -> np.ndarray:  # (T,)
    """Give e = 1 − p(neutral) (Eq. 9)."""
    return 1 - probability(probabilities, "neutral")


def probability(
    probabilities: np.ndarray,  # (T, 7)
    emotion: str,  # one of EMOTIONS
) -> np.ndarray:  # (T,)
    """Give one emotion's share."""
    return np.asarray(probabilities[:, EMOTIONS.index(emotion)], np.float64)


def _floored(probabilities: np.ndarray) -> np.ndarray:
    raised = np.maximum(probabilities.astype(np.float64), PROBABILITY_FLOOR)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _check(truth: np.ndarray, render: np.ndarray) -> None:
    if truth.shape != render.shape or truth.ndim != 2 or truth.shape[1] != len(EMOTIONS):
        raise ValueError(f"distributions must both be (T, {len(EMOTIONS)}), got {truth.shape} and {render.shape}")
