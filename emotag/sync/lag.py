"""One clip's lag: where its sound fits its mouth best."""

from dataclasses import dataclass

import numpy as np

from emotag.sync.predictor import OpeningPredictor
from emotag.sync.settings import SyncSettings
from emotag.sync.speech import Speech
from emotag.tables import FPS

STEP_FRAMES = 0.5
"""Distance of the lags that are tried; a parabola through the best three says where between them the best is."""


@dataclass(frozen=True)
class Lag:
    """What was found."""

    seconds: float  # the sound comes so much after the picture; 0 unless it was found surely
    best_s: float  # where the correlation is highest, sure or not
    correlation: float  # of opening and guess there
    unshifted: float  # and where the file has them

    @property
    def frames(self) -> float:
        """The lag in frames."""
        return self.seconds * FPS

    def says(self) -> str:
        """Put it into words."""
        fit = f"r {self.unshifted:.2f}"
        if not self.seconds:
            return f"in time as the file has it ({fit})"
        where = "after" if self.seconds > 0 else "before"
        return f"{abs(1000 * self.seconds):.0f} ms {where} the picture ({fit} → {self.correlation:.2f})"


NO_LAG = Lag(0.0, 0.0, 0.0, 0.0)
"""Of a clip that nobody measured."""


def measure(
    predictor: OpeningPredictor,
    speech: Speech,
    settings: SyncSettings,
    origin_frames: float = 0.0,  # the lag that counts as none
) -> Lag:
    """Find a clip's lag. It is 0 unless sound and mouth agree (`correlation`), and far better than unshifted."""
    tried = _tried(settings)
    fit = np.array([agreement(predictor, speech, origin_frames + lag) for lag in tried])
    best = int(fit.argmax())
    unshifted = float(fit[len(tried) // 2])
    if best in (0, len(tried) - 1):  # still rising where the search ends: no peak
        return Lag(0.0, float(tried[best]) / FPS, float(fit[best]), unshifted)
    before, top, after = fit[best - 1 : best + 2]
    bend = before - 2 * top + after
    place = float(tried[best] + (STEP_FRAMES * 0.5 * (before - after) / bend if bend < 0 else 0.0)) / FPS
    wanted = max(settings.gain, settings.gain_per_s * abs(place))
    sure = top >= settings.correlation and top - unshifted >= wanted and abs(place) >= settings.least_s
    return Lag(place if sure else 0.0, place, float(top), unshifted)


def _tried(settings: SyncSettings) -> np.ndarray:
    """Give the lags to try, frames, with 0 in the middle."""
    steps = max(1, round(settings.most_s * FPS / STEP_FRAMES))
    lags: np.ndarray = STEP_FRAMES * np.arange(-steps, steps + 1)
    return lags


def agreement(predictor: OpeningPredictor, speech: Speech, lag_frames: float) -> float:
    """Correlate opening and guess over the frames that were tracked; 0 where either stands still."""
    if int(speech.valid.sum()) < 2:
        return 0.0
    guess, opening = predictor.guess(speech, lag_frames)[speech.valid], speech.opening[speech.valid]
    guess, opening = guess - guess.mean(), opening - opening.mean()
    scale = float(np.sqrt((guess**2).sum() * (opening**2).sum()))
    return float((guess * opening).sum()) / scale if scale > 1e-12 else 0.0
