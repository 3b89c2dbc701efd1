"""Settings of the own tracker. Lengths called "of the eyes" are fractions of the outer-eye distance in the image."""

from typing import Literal

from pydantic import Field

from emotag.perception.tracking.photometric.settings import OutlineSettings, PhotometricSettings
from emotag.perception.tracking.vhap.settings import VhapSettings
from emotag.settings import Settings


class FitSettings(Settings):
    """What the fit of a person's shape and of a clip's motion share: the trust in landmarks and the priors."""

    landmark_sigma: float = Field(0.02, gt=0)
    """Standard deviation of a landmark, of the eyes: its bias on the surface, not its jitter."""

    effective_landmarks: float = Field(80, gt=0)
    """How many independent landmarks the 468 count for: neighbours err together."""

    aperture_sigma: float = Field(0.01, gt=0)
    """Standard deviation of a lip or lid opening, of the eyes; an opening is the difference of two close landmarks."""

    closed_lids: float = Field(0.03, ge=0)
    """Distance the iris network sees between the lids of a closed eye, of the eyes: what counts as shut."""

    closed_share: float = Field(0.05, ge=0, lt=0.5)
    """Share of a clip's frames of which it is sure that lips touch; the gap that landmarks show there is taken off all
    frames (see `closure`). 0 leaves lips as landmarks show them."""

    smile_parting: float = Field(0.12, ge=0)
    """By what share of a mouth's extra width Face Mesh parts lips that touch: it expects teeth in a smile."""

    closed_drift: float = Field(0.025, ge=0)
    """How far the gap of touching lips in a clip may lie from that in the person's reference clip, of the eyes."""

    closed_rise: float = Field(0.012, ge=0)
    """How far it may rise within a clip, where lips come no nearer for three seconds, of the eyes."""

    contact: tuple[float, float] = (0.05, 0.2)
    """Openings below which lips touch and above which they are as far apart as seen, of how far the mouth usually
    opens."""

    iris_sigma: float = Field(0.02, gt=0)
    """Standard deviation of an iris centre, of the eyes."""

    depth_sigma: float = Field(0.0, ge=0)
    """Standard deviation of a landmark's depth, of the eyes; 0 leaves the landmarks' depth out."""

    huber: float = Field(3.0, gt=0)
    """A residual beyond this many standard deviations counts linearly, not quadratically."""

    hidden_weight: float = Field(0.1, ge=0, le=1)
    """Weight of a landmark whose surface faces away from the camera."""

    expression_sigma: float = Field(0.5, gt=0)
    """Standard deviation of a named expression, whose range is [0, 1]."""

    expression_sparsity: float = Field(1.0, ge=0)
    """Cost of one whole unit of a named expression (L1): keeps opposing shapes from cancelling each other."""

    brow_freedom: float = Field(1.0, ge=1)
    """How many times further than other named expressions the brows may go for the same cost: few landmarks lie on
    them and no other shape moves those, so the priors that keep mouths apart halve frowns."""

    asymmetry_sigma: float = Field(0.3, gt=0)
    """Standard deviation of the difference between a named expression's left and right half."""

    anonymous_sigma: float = Field(1.0, gt=0)
    """Standard deviation of an expression coefficient of a head whose expressions have no names (FLAME)."""

    jaw_sigma: tuple[float, float, float] = (0.15, 0.03, 0.02)
    """Standard deviations of the jaw's opening, sideways swing and roll, radians."""

    jaw_limits: tuple[float, float] = (-0.02, 0.6)
    """Range of the jaw's opening, radians."""

    eye_sigma: float = Field(0.2, gt=0)
    """Standard deviation of the gaze about both axes, radians; torsion is not seen and stays 0."""

    gaze_sigma: float = Field(0.15, gt=0)
    """Standard deviation of a named eyeLook shape (what the lids do) around what the eyeball's rotation asks for."""

    iterations: int = Field(20, ge=1)
    """Most Gauss-Newton steps."""

    tolerance: float = Field(1e-4, gt=0)
    """The fit ends when a step lowers the cost by less than this fraction."""


class ShapeSettings(FitSettings):
    """The person's shape, focal length and landmark offsets, from the reference clip."""

    engine: Literal["landmarks", "photometric", "vhap"] = "landmarks"
    """`landmarks`: this project's fit of the 468 Face Mesh landmarks; `photometric`: then of the pictures as well, with
    albedo, light and the static offset of hair and ears; `vhap`: what VHAP gives, with `track.engine: vhap`."""

    photometric: PhotometricSettings = PhotometricSettings(effective_samples=30)
    """How pictures are compared; for less than in `track`, since one view hardly tells a shape by its colours."""

    outline: OutlineSettings = OutlineSettings()
    """How the mesh's outline is drawn to the person's."""

    frames: int = Field(40, ge=1)
    """Frames the shape is fitted on, spread over the reference clip."""

    effective_frames: float = Field(4, gt=0)
    """How many independent frames those count for: landmarks err alike in every frame of a person."""

    distance_sigma: float = Field(0.1, gt=0)
    """Standard deviation of the head's distance around 1 m as a fraction: how far the focal length may move."""

    undo_prior: float = Field(0.7, ge=0, le=1)
    """Share given back of what Face Mesh's own prior holds back of a face's motion, before the fit (see `bias`)."""

    undo_usual: float = Field(1.0, ge=0, le=1)
    """The same of a person's usual face, which the prior draws towards everybody's."""

    offset_sigma: float = Field(0.002, ge=0)
    """Standard deviation of a landmark's constant offset on this person's surface, metres; 0 turns offsets off."""

    offset_rounds: int = Field(2, ge=0)
    """How often the offsets are re-estimated and the shape re-fitted."""

    neutral_fraction: float = Field(0.25, gt=0, le=1)
    """Share of the frames, those of least expression, whose mean is the neutral expression."""


class TrackSettings(FitSettings):
    """Per-frame motion of a clip."""

    engine: Literal["landmarks", "photometric", "vhap"] = "landmarks"
    """`landmarks`: this project's fit of the 468 Face Mesh landmarks; `photometric`: then of the pictures as well,
    against the person's albedo, which `shape.engine: photometric` gives; `vhap`: VHAP, on FLAME."""

    vhap: VhapSettings = VhapSettings()
    """Where VHAP is, or what it gave."""

    photometric: PhotometricSettings = PhotometricSettings()
    """How pictures are compared."""

    rotation_acceleration: float = Field(0.004, gt=0)
    """Standard deviation of the second difference of the head's rotation, radians per frame²."""

    translation_acceleration: float = Field(0.0008, gt=0)
    """Standard deviation of the second difference of the head's translation, metres per frame²."""

    expression_acceleration: float = Field(0.03, gt=0)
    """The same of slow expressions (brows, cheeks, nose), per frame²."""

    fast_acceleration: float = Field(0.2, gt=0)
    """The same of fast expressions (lips, jaw, squint), per frame²: plosives last two or three frames."""

    blink_acceleration: float = Field(0.5, gt=0)
    """The same of blinks, which close within a frame or two."""

    jaw_acceleration: float = Field(0.05, gt=0)
    """The same of the jaw, radians per frame²."""

    eye_acceleration: float = Field(0.1, gt=0)
    """The same of the gaze, radians per frame²: saccades are fast."""

    chunk_frames: int = Field(750, ge=10)
    """Frames fitted at once; a longer clip is fitted in overlapping chunks."""

    overlap_frames: int = Field(40, ge=2)
    """Frames two chunks share; the chunks are blended there."""

    min_valid: float = Field(0.8, ge=0, le=1)
    """The least share of frames with landmarks that makes a clip usable."""

    max_error: float = Field(0.12, gt=0)
    """The fit has diverged when the mean error of the 68 landmarks exceeds this, of the eyes."""
