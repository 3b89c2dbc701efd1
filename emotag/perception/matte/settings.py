"""Settings of the mattes."""

from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class MatteSettings(Settings):
    """How the person is cut out."""

    engine: Literal["selfie-segmentation"] = "selfie-segmentation"
    """Person segmenter."""
    smooth_frames: int = Field(1, ge=0, le=5)
    """Frames before and after whose masks are averaged into a frame's, with binomial weights; 0 averages none."""
    edge_radius: int = 4
    """Half width of the windows in which edges are fitted, pixels of the 256² mask."""
    edge_epsilon: float = 2e-4
    """Colour variance (of 1) below which a window counts as flat."""
    edge_contrast: float = 1.25
    """Steepness that is given back to the edges after smoothing; 1 leaves them as they are."""
    neck_softness: float = 0.012
    """Height over which the head fades out at the neck, as a share of the picture's height."""
    neck_lift: float = Field(0.6, ge=0, le=1)
    """Height of the neck line: 0 is the head model's lower boundary, 1 the joint between neck and skull."""
