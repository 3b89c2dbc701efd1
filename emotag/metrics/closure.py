"""Do the rendered lips close where the true ones do? Bilabials (p, b, m) are made with both lips shut.

No peer measures this. The definition is the project's own and rests on phonetics alone: the chart of the International
Phonetic Association defines p, b and m as stops and nasals whose closure is made by the two lips. What counts as closed
is read off the true video of the same person by the same landmarks, which leave every mouth its own residual gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotag.metrics.landmarks import mouth_opening, mouth_width
from emotag.metrics.phones import Span, bilabial_spans, vowel_spans

SHUT_PERCENTILE, OPEN_PERCENTILE = 5.0, 95.0
"""Of the true clip's inner-lip gap: its shut and its open mouth."""

CLOSED_SHARE = 0.15
"""A gap within this share of the way from shut to open is closed. On the 12 takes of the demo, whose actors close every
bilabial, Face Mesh then finds 95 % of 107 bilabials closed, and 9 % of the vowels in which the lips are apart."""

MARGIN = 1
"""Frames before and after a bilabial in which its closure may fall: phones are timed by sound, to a frame."""

MIN_FRAMES = 25
"""Valid frames (1 s) below which a clip does not show its shut and its open mouth."""


@dataclass(frozen=True)
class LipScale:
    """A person's mouth in one clip, by the true video."""

    width: float  # median distance of the mouth's corners over that of the outer eye corners
    closed: float  # largest gap that counts as closed, share of the mouth's width

    @staticmethod
    def of(
        points: np.ndarray,  # (T, 68, 2) pixels of the true video, NaN where not valid
    ) -> "LipScale | None":
        """Measure it; None when too few frames are valid or the mouth never moves."""
        width = mouth_width(points)
        if np.isfinite(width).sum() < MIN_FRAMES:
            return None
        usual = float(np.nanmedian(width))
        gap = mouth_opening(points) / usual
        shut, wide = np.nanpercentile(gap, [SHUT_PERCENTILE, OPEN_PERCENTILE])
        return LipScale(usual, float(shut + CLOSED_SHARE * (wide - shut))) if wide > shut else None

    def gap(
        self,
        points: np.ndarray,  # (T, 68, 2) pixels of any version
    ) -> np.ndarray:  # (T,) share of the true mouth's width
        """Give the inner-lip gap."""
        return np.asarray(mouth_opening(points) / self.width)


@dataclass(frozen=True)
class Closures:
    """The closures of a version, each noted at the middle frame of its phone; NaN elsewhere."""

    rate: np.ndarray  # (T,) of the true video's closures: 1 where this version closes too, 0 where not
    excess: np.ndarray  # (T,) how much wider its smallest gap is there, share of the mouth's width, not negative
    false_rate: np.ndarray  # (T,) of vowels through which the true lips stay apart: 1 where this version closes


def closures(
    phones: Sequence[str],  # T
    scale: LipScale,
    truth: np.ndarray,  # (T,) gap of the true video
    version: np.ndarray,  # (T,) gap of the version
) -> Closures:
    """Compare closures interval by interval, by the smallest gap in each. Those without a valid frame are left out."""
    made = Closures(*(np.full(len(truth), np.nan) for _ in range(3)))
    for span in bilabial_spans(phones):
        wanted, smallest = (_smallest(gap, span, MARGIN) for gap in (truth, version))
        if wanted <= scale.closed and np.isfinite(smallest):
            middle = _middle(span)
            made.rate[middle] = smallest <= scale.closed
            made.excess[middle] = max(smallest - wanted, 0.0)
    for span in vowel_spans(phones):
        wanted, smallest = (_smallest(gap, span, 0) for gap in (truth, version))
        if wanted > scale.closed and np.isfinite(smallest):
            made.false_rate[_middle(span)] = smallest <= scale.closed
    return made


def _smallest(gap: np.ndarray, span: Span, margin: int) -> float:  # NaN when no frame is valid
    part = gap[max(span[0] - margin, 0) : span[1] + margin]
    part = part[np.isfinite(part)]
    return float(part.min()) if part.size else float("nan")


def _middle(span: Span) -> int:
    return (span[0] + span[1] - 1) // 2
