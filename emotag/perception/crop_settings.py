"""Settings of the face-centred crop."""

from typing import Literal

from emotag.perception.detection.insightface_settings import InsightFaceSettings
from emotag.settings import Settings


class CropSettings(Settings):
    """How the face is found and framed."""

    engine: Literal["blazeface", "insightface"] = "blazeface"
    """Face detector: "blazeface" comes along, "insightface" is SCRFD."""
    min_score: float = 0.5
    """A find below this certainty is no face."""
    face_scale: float = 2.6
    """Side of the square over the side of the detected face. At 2.6 the usual 512² clips come out whole."""
    whole_share: float = 0.85
    """A square that would be larger than this share of the frame's shorter side takes that whole side instead."""
    unscaled_share: float = 0.05
    """A square within this share of the wanted resolution takes exactly that, so that nothing is resampled."""
    steady_share: float = 0.12
    """The square stands still while the face's centre stays within this share of its side from the middle position."""
    steady_growth: float = 1.35
    """The square keeps its size while the largest face is no more than this many times the smallest."""
    smooth_s: float = 0.6
    """Standard deviation of the Gaussian that smooths the path of a square that must move, seconds."""
    max_gap_frames: int = 10
    """A face may be missing for this many frames in a row; the square is interpolated there."""
    second_face: float = 0.6
    """Another face this large, relative to the main one, counts as a second face."""
    second_face_share: float = 0.2
    """Share of the looked-at frames with a second face that makes a clip unusable."""
    insightface: InsightFaceSettings = InsightFaceSettings()
    """Of the engine "insightface"."""
