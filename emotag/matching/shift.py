"""Whether two videos of the same moments run beside each other, or one is late."""

import numpy as np

REACH = 12
"""Frames to each side that are tried: half a second."""

GAIN = 0.8
"""Another shift must bring the landmarks at least so much nearer (share of their distance as it is) to be believed."""


def lateness(
    truth: np.ndarray,  # (T, K, 2) landmarks, pixels
    render: np.ndarray,  # (T, K, 2)
    valid: np.ndarray,  # (T,) bool: both have landmarks
    reach: int = REACH,
) -> int:
    """Give by how many frames the render is late (negative: early), 0 when it fits best as it is or nobody can say.

    Compared is the mean distance of landmarks that stand `shift` frames apart, over at least half of the frames.
    """
    frames = len(valid)
    distances: dict[int, float] = {}
    for shift in sorted(range(-reach, reach + 1), key=abs):
        first, last = max(0, -shift), min(frames, frames - shift)
        seen = valid[first:last] & valid[first + shift : last + shift]
        if 2 * int(seen.sum()) >= frames and seen.any():
            apart = np.linalg.norm(truth[first:last] - render[first + shift : last + shift], axis=-1).mean(axis=1)
            distances[shift] = float(apart[seen].mean())
    if 0 not in distances:
        return 0
    best = min(distances, key=lambda shift: distances[shift])
    return best if distances[best] < GAIN * distances[0] else 0
