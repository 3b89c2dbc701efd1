"""Where a person's lips touch: Face Mesh shows shut lips apart, each person's by another gap.

On actors the gap that Face Mesh draws between lips that touch runs from −0.5 to 5 mm. It is nearly a constant of the
person and of her expression, so that the closures themselves tell it: whoever speaks shuts her lips again and again
(p, b, m, pauses). What is left above that gap is how far the mouth is open.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.perception.smoothing import gaussian_smooth, sliding_percentile
from emotag.perception.tracking.initial import neutral_landmarks, similarity, upright
from emotag.perception.tracking.landmark_set import INNER_LIP_PAIRS, MOUTH_CORNERS, OUTER_EYES, pair_indices
from emotag.perception.tracking.observations import Observations, eye_distances
from emotag.perception.tracking.rig import LandmarkRig
from emotag.perception.tracking.settings import FitSettings
from emotag.tables import FPS

_MIDDLE = 3  # pairs in the middle of the mouth, which say how far it is open
_MOST_CLOSED_GAP = 0.05  # of the eyes: no closed mouth was seen with more
_USUAL_WIDTH = 0.55  # of the eyes' distance: a mouth's width at rest
_SMILE_SIGMA = 5  # frames: smiles change slower than speech widens the mouth
_WINDOW = 3 * FPS  # frames, odd: within three seconds of speech lips touch
_USUAL_OPENING = 0.1  # of the eyes' distance: a wider mouth (a shout) makes no gap nearer to shut
_WIDE = 0.9  # quantile of the gaps that tells how far a mouth opens
_LEAST_FRAMES = 2 * FPS  # a shorter clip need not hold a closure


@dataclass(frozen=True)
class LipGaps:
    """The inner lips of T frames in the image; lengths are fractions of the eyes' distance.

    A pair's landmarks lie on the skin beside the slit, not in it, so that even where lips touch they are apart, as the
    neutral face has them. `excess` is what is seen beyond that: how far the mouth is open, and the detector's error.
    """

    excess: Tensor  # (T, 9) at INNER_LIP_PAIRS, along `down`, negative when the lips cross
    down: Tensor  # (T, 2) unit: the face's own vertical in the image, downwards

    def select(self, frames: Tensor | slice) -> "LipGaps":
        """Give some of the frames."""
        return LipGaps(self.excess[frames], self.down[frames])


@dataclass(frozen=True)
class LipOpenings:
    """How far the inner lips of T frames are open, of the eyes' distance."""

    gaps: LipGaps  # as seen
    opening: Tensor  # (T, 9) beyond contact, at least 0

    def select(self, frames: Tensor | slice) -> "LipOpenings":
        """Give some of the frames."""
        return LipOpenings(self.gaps.select(frames), self.opening[frames])


def lip_gaps(
    rig: LandmarkRig,
    observations: Observations,  # filled, of a whole clip
    parting: float,  # see FitSettings.smile_parting
) -> LipGaps:
    """Read the gaps off landmarks; take off those of the neutral face of `rig`, turned like the head, and a smile's."""
    points, rest = observations.points, neutral_landmarks(rig)
    scale, rotation, _ = similarity(rest, upright(points))
    right, left = OUTER_EYES
    across = points[:, left, :2] - points[:, right, :2]
    across = across / across.norm(dim=-1, keepdim=True)
    down = torch.stack((-across[:, 1], across[:, 0]), dim=-1)
    upper, lower = pair_indices(INNER_LIP_PAIRS)
    touching = upright((rest[lower] - rest[upper]) @ rotation.transpose(-1, -2))[..., :2] * scale[:, None, None]
    apart = points[:, lower, :2] - points[:, upper, :2] - touching
    excess = (apart * down[:, None]).sum(-1) / observations.eye_distance()
    return LipGaps(excess - parting * (_mouth_width(points) - _USUAL_WIDTH)[:, None], down)


def _mouth_width(points: Tensor) -> Tensor:  # (T, 468, >=2) -> (T,) of the eyes
    """Give the mouth's width as a smile changes it, slower than speech."""
    right, left = MOUTH_CORNERS
    width = (points[:, left, :2] - points[:, right, :2]).norm(dim=-1) / eye_distances(points)
    return torch.from_numpy(gaussian_smooth(width.double().cpu().numpy(), _SMILE_SIGMA)).to(width)


def closed_gap(gaps: LipGaps, share: float) -> Tensor | None:  # (9,) of the eyes
    """Give the excess that landmarks show between touching lips: that of the clip's `share` of least open frames.

    None when the share is 0 or the clip (gaps of valid frames) too short to hold a closure.
    """
    if share == 0 or len(gaps.excess) < _LEAST_FRAMES:
        return None
    order = gaps.excess[:, :_MIDDLE].mean(dim=1).argsort()
    # The median of twice the share is its quantile in the middle, and no pair is judged by other frames.
    least = order[: max(1, round(2 * share * len(order)))]
    return gaps.excess[least].median(dim=0).values.clamp(max=_MOST_CLOSED_GAP)


def lip_openings(
    gaps: LipGaps,  # of a whole clip
    valid: Tensor,  # (T,) bool
    closed: Tensor,  # (9,) of the person, see `closed_gap`
    settings: FitSettings,
) -> LipOpenings:
    """Subtract from every frame's gaps those of touching lips, and shut what is left of nearly shut ones.

    The gap of touching lips is the clip's own (a person draws it wider when she smiles than when she is sad), near the
    person's; it follows the least gaps of a few seconds a little upwards. What counts as nearly shut is a share of how
    far the person usually opens her mouth: of some, Face Mesh shows half of every opening.
    """
    own, floor = closed_gap(gaps.select(valid), settings.closed_share), closed.expand_as(gaps.excess)
    if own is not None:
        floor = own.clamp(closed - settings.closed_drift, closed + settings.closed_drift)
        rise = _least_around(gaps.excess[:, :_MIDDLE].mean(dim=1)) - floor[:_MIDDLE].mean()
        floor = floor + rise.clamp(0, settings.closed_rise)[:, None]
    usual = (gaps.excess[valid].quantile(_WIDE, dim=0) - floor.mean(dim=0)).clamp(0, _USUAL_OPENING)
    touching, apart = settings.contact
    return LipOpenings(gaps, snapped(gaps.excess - floor, touching * usual, apart * usual))


def _least_around(values: Tensor) -> Tensor:  # (T,) -> (T,)
    """Give the least value of the window around each frame, smoothed."""
    array = values.double().cpu().numpy()
    least = gaussian_smooth(sliding_percentile(array, 0.0, _WINDOW), _WINDOW / 8)
    return torch.from_numpy(least).to(values)


def snapped(opening: Tensor, touching: Tensor, apart: Tensor) -> Tensor:
    """Shut openings below `touching`, leave those above `apart`, and go smoothly between; none is negative."""
    share = ((opening - touching) / (apart - touching).clamp_min(1e-6)).clamp(0, 1)
    return opening.clamp_min(0) * share.square() * (3 - 2 * share)
