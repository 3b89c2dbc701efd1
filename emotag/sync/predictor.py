"""A linear guess of the mouth's opening from the sound around a frame."""

from dataclasses import dataclass

import numpy as np

from emotag.sync.speech import Speech

REACH, STEP = 6, 2
"""Frames to each side of a frame whose sound is read, and how far they are apart."""

RIDGE = 1.0
"""Ridge of the regression, in variances of an average input: sound says half of what a mouth does."""


@dataclass(frozen=True)
class OpeningPredictor:
    """A ridge regression on principal components of the audio features.

    It need not be good: sound and mouth agree best where they belong together, whatever the person or the language.
    """

    projection: np.ndarray  # (Da, K)
    weights: np.ndarray  # (inputs,) on `inputs`

    def guess(
        self,
        speech: Speech,
        lag_frames: float = 0.0,  # the sound is read so much later
    ) -> np.ndarray:  # (T,) deviations of an opening
        """Say how far the mouth is open, by the sound."""
        found: np.ndarray = inputs(speech.audio @ self.projection, lag_frames) @ self.weights
        return found


def principal(
    covariance: np.ndarray,  # (Da, Da) of the audio features
    components: int,
) -> np.ndarray:  # (Da, K) K = components, or Da if that is less
    """Give the directions in which the audio features vary most, scaled to a variance of 1 on average."""
    variance, directions = np.linalg.eigh(covariance)
    kept = directions[:, ::-1][:, :components]
    mean = variance[::-1][:components].mean()
    scaled: np.ndarray = kept / np.sqrt(max(float(mean), 1e-12))
    return scaled


def inputs(
    sound: np.ndarray,  # (T, K) principal components
    lag_frames: float,
) -> np.ndarray:  # (T, K · (2 REACH / STEP + 1))
    """Set the sound around each frame, read `lag_frames` later, side by side."""
    frames = np.arange(len(sound), dtype=np.float64)
    return np.concatenate([rows_at(sound, frames + lag_frames + k) for k in range(-REACH, REACH + 1, STEP)], axis=1)


def rows_at(
    rows: np.ndarray,  # (T, D)
    places: np.ndarray,  # (N,) frames, anywhere between two; beyond the ends the last row stands
) -> np.ndarray:  # (N, D)
    """Interpolate rows."""
    places = np.clip(places, 0, len(rows) - 1)
    before = np.floor(places).astype(int)
    share = (places - before)[:, None]
    found: np.ndarray = rows[before] * (1 - share) + rows[np.minimum(before + 1, len(rows) - 1)] * share
    return found


def solve(
    squares: np.ndarray,  # (D, D) Σ x xᵀ over frames, x = inputs
    products: np.ndarray,  # (D,) Σ x y, y = standardised opening
) -> np.ndarray:  # (D,)
    """Give the regression whose sums these are: zeros where nothing was heard."""
    mean = np.trace(squares) / len(squares) or 1.0
    found: np.ndarray = np.linalg.solve(squares + RIDGE * mean * np.eye(len(squares)), products)
    return found
