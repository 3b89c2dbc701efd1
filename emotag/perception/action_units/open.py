"""The open action-unit engine: measures of aligned points and shading, weighed, above the person's rest."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emotag.perception.action_units.alignment import align
from emotag.perception.action_units.appearance import NAMES as CUES
from emotag.perception.action_units.appearance import shading
from emotag.perception.action_units.calibration import Calibration, load_calibration
from emotag.perception.action_units.measures import measure
from emotag.perception.action_units.protocol import MAX_INTENSITY, ActionUnitSettings, Array, FaceClip, Levels
from emotag.perception.action_units.terms import N_GEOMETRY
from emotag.perception.smoothing import gaussian_smooth

SUSTAINED = 1.0
"""How high a sustained expression typically lifts a clip's rest, in units of intensity (FACS B is 2, A is 1)."""


class OpenActionUnits:
    """Reads FACS intensities off Face Mesh points, and off the crop when images are given."""

    name = "open"
    version = "1"
    weights = ""  # the calibration is code
    above_rest = True

    def __init__(
        self, settings: ActionUnitSettings | None = None, calibrations: dict[bool, Calibration] | None = None
    ) -> None:
        """`calibrations` (with shading: True, points alone: False) replace the committed ones (benchmark)."""
        self.settings = settings or ActionUnitSettings()
        self._calibrations = calibrations or {}

    def calibration(self, appearance: bool) -> Calibration:
        """Give the weights in use with and without images."""
        return self._calibrations.get(appearance) or load_calibration(appearance)

    def read(self, clip: FaceClip) -> Levels:
        """See ActionUnitEngine.read. Raises ValueError as `levels` does."""
        return self.levels(clip.points, clip.valid, clip.images() if self.settings.appearance else None)

    def levels(
        self,
        points: NDArray[np.floating],  # (T, 468, 3) pixels of the crop
        valid: NDArray[np.bool_],  # (T,)
        images: Iterable[NDArray[np.uint8]] | None = None,  # T frames (H, W, 3) RGB of the crop
    ) -> Levels:
        """Give each unit's level. Raises ValueError when no frame is valid or images and points disagree."""
        return self.weigh(self.signals(points, valid, images), valid, appearance=images is not None)

    def signals(
        self,
        points: NDArray[np.floating],
        valid: NDArray[np.bool_],
        images: Iterable[NDArray[np.uint8]] | None = None,
    ) -> Array:  # (T, S) columns as SIGNALS; shading is 0 without images
        """Give the smoothed measures and cues; frames that are not valid are filled from their neighbours."""
        rows = np.flatnonzero(valid)
        if not rows.size:
            raise ValueError("no frame shows a face")
        signals = np.zeros((len(rows), N_GEOMETRY + len(CUES)))
        signals[:, :N_GEOMETRY] = measure(align(points[rows]))
        if images is not None and self.settings.appearance:
            signals[:, N_GEOMETRY:] = _cues(points, valid, images)
        frames = np.arange(len(points))
        filled = np.stack([np.interp(frames, rows, signal) for signal in signals.T], axis=1)
        if self.settings.smoothing_frames > 0:
            filled = gaussian_smooth(filled, self.settings.smoothing_frames)
        return filled

    def weigh(self, signals: Array, valid: NDArray[np.bool_], *, appearance: bool) -> Levels:
        """Give levels from the output of `signals`."""
        read = appearance and self.settings.appearance
        gone = np.where(valid, 0.0, np.nan)[:, None]
        return Levels(signals @ self.calibration(read).weights.T + gone, read)

    def neutral(self, clips: Iterable[Levels]) -> Array:  # (17,)
        """Estimate rest: the clips' own low percentile, lowered towards the population's rest where that is lower.

        A clip that frowns throughout has a high low percentile. How much of its excess over the population is
        expression and how much is the person's build is a matter of variances: `SUSTAINED²` against `rest_std²`.
        Only lowered, since no one rests above what was seen.
        """
        clips = list(clips)
        if not clips or len({clip.appearance for clip in clips}) > 1:
            raise ValueError("rest needs at least one clip, all read with shading or all without")
        calibration = self.calibration(clips[0].appearance)
        values = np.concatenate([clip.values for clip in clips])
        own = np.nanpercentile(values, self.settings.neutral_percentile, axis=0)
        share = SUSTAINED**2 / (SUSTAINED**2 + np.square(calibration.rest_std))
        lowered = self.settings.neutral_prior * share * np.maximum(own - calibration.rest_mean, 0)
        return np.asarray(own - lowered)

    def intensities(self, levels: Levels, neutral: Array | None = None) -> Array:  # (T, 17)
        """See ActionUnitEngine.intensities."""
        rest = self.neutral([levels]) if neutral is None else neutral
        return np.clip(levels.values - rest, 0.0, MAX_INTENSITY)


def _cues(
    points: NDArray[np.floating], valid: NDArray[np.bool_], images: Iterable[NDArray[np.uint8]]
) -> Array:  # (number of valid frames, C)
    rows, count = [], 0
    for index, image in enumerate(images):
        count += 1
        if index < len(valid) and valid[index]:
            rows.append(shading(image, points[index]))
    if count != len(points):
        raise ValueError(f"{count} images for {len(points)} rows of landmarks")
    return np.stack(rows)
