"""The lags of a corpus' clips and the regression that finds them, each from the other.

Nobody says which clip is in time. But most are about as far off as each other, and a regression over all of them finds
the ones that stand apart; with those put right it finds the next. A clip is judged by people other than its own.
"""

from collections.abc import Sequence

import numpy as np

from emotag.sync.lag import NO_LAG, Lag, measure
from emotag.sync.predictor import OpeningPredictor, inputs, principal, solve
from emotag.sync.settings import SyncSettings
from emotag.sync.speech import Speech
from emotag.tables import FPS

MOST_FOLDS = 8
"""Groups of people, each judged by the others; more groups than this are not worth their time."""

People = Sequence[Sequence[Speech]]  # the clips of each
Sums = tuple[np.ndarray, np.ndarray]  # Σ x xᵀ (D, D), Σ x y (D,)


def fit_together(people: People, settings: SyncSettings) -> tuple[OpeningPredictor, list[list[Lag]]]:
    """Give the regression, for clips to come, and the lags of each person's clips.

    The origin is where most clips are in which sound and mouth agree. One person alone has nobody to be judged by, and
    no lag. Raises ValueError without people.
    """
    if not people:
        raise ValueError("nobody to learn from")
    projection = principal(_covariance(people), settings.components)
    lags = [[NO_LAG] * len(clips) for clips in people]
    if len(people) > 1:
        frames = [[0.0] * len(clips) for clips in people]
        for _ in range(settings.rounds):
            judges = _judges(people, projection, frames)
            lags = _judged(people, judges, settings, 0.0)
            origin = _origin(lags, settings)
            frames = [[FPS * lag.best_s - origin if _agrees(lag, settings) else 0.0 for lag in row] for row in lags]
        lags = _judged(people, judges, settings, origin)
    total = _sums(people, projection, [[lag.frames for lag in row] for row in lags])
    return OpeningPredictor(projection, solve(*_added(total))), lags


def _judges(people: People, projection: np.ndarray, frames: list[list[float]]) -> list[OpeningPredictor]:
    """Give each person the regression over everybody outside their group."""
    each = _sums(people, projection, frames)
    folds = min(MOST_FOLDS, len(people))
    groups = [_added(each[fold::folds]) for fold in range(folds)]
    squares, products = _added(groups)
    weights = [solve(squares - own, products - theirs) for own, theirs in groups]
    return [OpeningPredictor(projection, weights[i % folds]) for i in range(len(people))]


def _judged(
    people: People, judges: list[OpeningPredictor], settings: SyncSettings, origin_frames: float
) -> list[list[Lag]]:
    return [[measure(judge, clip, settings, origin_frames) for clip in row] for judge, row in zip(judges, people)]


def _agrees(lag: Lag, settings: SyncSettings) -> bool:
    return lag.correlation >= settings.correlation


def _origin(lags: list[list[Lag]], settings: SyncSettings) -> float:
    """Give the lag that counts as none, frames: the middle of the narrowest span that holds more than half of them."""
    counted = np.sort([FPS * lag.best_s for row in lags for lag in row if _agrees(lag, settings)])
    if not len(counted):
        return 0.0
    most = len(counted) // 2 + 1
    narrowest = int((counted[most - 1 :] - counted[: len(counted) - most + 1]).argmin())
    return float(np.median(counted[narrowest : narrowest + most]))


def _covariance(people: People) -> np.ndarray:  # (Da, Da)
    clips = [clip.audio for row in people for clip in row]
    total: np.ndarray = sum((audio.T @ audio for audio in clips), np.zeros((clips[0].shape[1],) * 2))
    return total / max(1, sum(map(len, clips)))


def _sums(people: People, projection: np.ndarray, frames: list[list[float]]) -> list[Sums]:
    """Add up each person's frames, with each clip's sound read as much later as `frames` says."""
    each = []
    for row, lags in zip(people, frames):
        parts = []
        for clip, lag in zip(row, lags):
            opening = clip.opening[clip.valid]
            heard = inputs(clip.audio @ projection, lag)[clip.valid]
            spread = opening.std() if len(opening) else 0.0
            target = (opening - opening.mean()) / spread if spread > 0 else np.zeros(len(opening))
            parts.append((heard.T @ heard, heard.T @ target))
        each.append(_added(parts))
    return each


def _added(parts: Sequence[Sums]) -> Sums:
    squares: np.ndarray = sum((part[0] for part in parts[1:]), parts[0][0])
    products: np.ndarray = sum((part[1] for part in parts[1:]), parts[0][1])
    return squares, products
