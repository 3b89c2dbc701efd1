"""Settings of composition: the background plate, and laying the head over a frame."""

from pydantic import Field

from emotag.settings import Settings


class CompositionSettings(Settings):
    """How the true head is removed and the rendered one laid over. Lengths are shares of the frame's side."""

    head_threshold: float = 0.02
    """Head alpha above which a pixel shows the true head and is removed whole."""
    margin_share: float = 0.016
    """Width of the ring around the head that is removed with it: hair is wider than its matte."""
    feather_share: float = 0.016
    """Width over which the plate then fades into the frame."""
    collar_share: float = 0.06
    """Height over which the torso's colours are continued upwards where the head was, so that no gap opens there."""
    overlap_share: float = 0.05
    """How far the rendered head may reach over the true torso before it fades (a chin over a collar)."""
    fade_share: float = 0.03
    """Width over which the rendered head then fades into the torso."""
    crack_share: float = Field(0.016, ge=0)
    """Height of the gaps within the rendered head that are closed; 0 leaves them open."""
    firm_share: float = 0.016
    """Height around the neck line over which the render's soft lower edge is made firm: nothing shines through."""
    seam_strength: float = Field(0.7, ge=0, le=1)
    """How far the render's light is brought to the torso's where they meet: 0 leaves it, 1 all the way."""
    seam_band_share: float = 0.012
    """Height of the bands above and below the neck line that are compared."""
    seam_gap_share: float = 0.008
    """Height between the line and the band above it: the render's lower edge is soft."""
    seam_smooth_share: float = 0.03
    """Width along the line over which the compared light is averaged."""
    seam_reach_share: float = 0.10
    """Height above the line at which the change has faded out."""


class PlateSettings(Settings):
    """How the background plate is made."""

    samples: int = 64
    """Frames that the plate is made of at most, evenly spaced over the clip."""
    person_threshold: float = 0.05
    """Alpha above which a pixel shows the person."""
    clearance_share: float = 0.012
    """Distance kept from the person, as a share of the frame's side: hair is wider than its matte."""
    seen_share: float = 0.1
    """A pixel free of the person in fewer of the samples counts as never free: the matte may have failed there."""


class AlignmentSettings(Settings):
    """How the head of cue frames is set where the avatar's own picture of it fits best (`align.py`)."""

    rounds: int = Field(3, ge=0)
    """Renders and steps a frame; 0 leaves the head where the tracker put it."""
    side: int = Field(256, ge=64)
    """Side that pictures are shrunk to for it, pixels."""
    knee: float = Field(0.3, gt=0)
    """Difference of colour (0-1) from which a pixel counts half: mouths, hair and light differ for other reasons."""
    damping: float = Field(0.01, ge=0)
    """Difference of colour, in every pixel, that a move by 0.02 rad or 5 mm has to be worth: keeps still what the
    picture hardly tells, such as the distance."""
