"""Settings of the refinement by the pictures themselves. Colours and intensities are shares of white."""

from pydantic import Field

from emotag.settings import Settings


class PhotometricSettings(Settings):
    """How much the picture says about the motion, and at which scales it is asked."""

    levels: tuple[int, ...] = (128, 256)
    """Sides of the pictures that are compared, coarse to fine, pixels; a crop is reduced to them."""

    samples: int = Field(1600, ge=50)
    """Most points of the surface that are compared."""

    sigma: tuple[float, float] = (0.02, 0.01)
    """Least standard deviation of brightness and of redness around albedo times light; a clip's own spread is added."""

    effective_samples: float = Field(70, gt=0)
    """How many independent points they count for: wrinkles, shadows and a wrong albedo err over whole patches."""

    cauchy: float = Field(2.0, gt=0)
    """Standard deviations at which a point's weight has fallen to one half."""

    light_sigma: float = Field(0.05, gt=0)
    """How far each coefficient of the light may leave the clip's in one frame: shadows that the head throws."""

    smoothness: float = Field(4.0, gt=0)
    """How much firmer than by landmarks alone motion is held together in time, as a factor of precision.
    Gaze and blinks are left as free as they were."""

    iterations: int = Field(4, ge=1)
    """Most Gauss-Newton steps at each level."""

    tolerance: float = Field(1e-3, gt=0)
    """A level ends when a step lowers the cost by less than this fraction."""

    chunk_frames: int = Field(250, ge=10)
    """Frames whose pictures are held at once."""


class OutlineSettings(Settings):
    """How the mesh's outline is drawn to the person's: the static offset of hair, ears and neck."""

    resolution: int = Field(192, ge=64)
    """Side of the masks that are compared, pixels."""

    frames: int = Field(12, ge=1)
    """Most frames whose outlines are compared, of those the shape is fitted on."""

    rounds: int = Field(5, ge=0)
    """How often outlines are matched anew; 0 leaves the offset out."""

    reach: float = Field(0.06, gt=0)
    """How far off the mesh's the person's outline is looked for, metres."""

    sigma: float = Field(0.003, gt=0)
    """Standard deviation of an outline point, metres."""

    stiffness: float = Field(20.0, gt=0)
    """Resistance of the offset against bending, relative to one frame's outline."""

    tension: float = Field(0.2, ge=0)
    """The same against stretching."""

    free_sigma: float = Field(0.05, gt=0)
    """Standard deviation of the offset where hair, ears and neck are, metres."""

    neck_sigma: float = Field(0.003, gt=0)
    """The same below the mouth: hair that falls beside jaw and neck belongs to no part of the mesh, metres."""

    face_sigma: float = Field(0.0005, gt=0)
    """The same on the face, whose shape the landmarks tell, metres."""
