"""Speakers whose sound follows their mouths by a known time."""

import numpy as np

from emotag.sync.speech import Speech, standardised

CHANNELS, FRAMES = 12, 250


def speaker(
    name: str, seed: int, lag_frames: float = 0.0, sound: float = 1.0, frames: int = FRAMES, unseen: slice = slice(0)
) -> Speech:
    """A clip whose sound comes `lag_frames` late; `sound` 0 says nothing of the mouth. `unseen` frames are no use."""
    own, shared = np.random.default_rng(seed), np.random.default_rng(99)
    fine = np.arange(-20.0, frames + 20.0, 0.25)
    slow = np.exp(-0.5 * (np.arange(-24, 25) / 6) ** 2)  # nothing is faster than a syllable
    said = np.stack([np.convolve(own.normal(size=len(fine)), slow, "same") for _ in range(4)])
    said /= said.std()
    mixing = shared.normal(size=(4, CHANNELS))
    times = np.arange(frames, dtype=float)
    mouth, heard = (np.stack([np.interp(times - late, fine, one) for one in said], 1) for late in (0.0, lag_frames))
    audio = sound * heard @ mixing + own.normal(size=(frames, CHANNELS)) * own.uniform(0.5, 1.5, CHANNELS)
    opening = 0.01 + 0.004 * mouth[:, 0] + 0.002 * mouth[:, 1] + 0.002 * own.normal(size=frames)
    valid = np.ones(frames, bool)
    valid[unseen], opening[unseen] = False, 1.0
    return Speech(name, standardised(audio), opening, valid)
