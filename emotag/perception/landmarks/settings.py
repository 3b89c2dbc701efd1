"""Settings of the landmarks."""

from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class LandmarksSettings(Settings):
    """How landmarks are read off a cropped clip."""

    engine: Literal["face-mesh"] = "face-mesh"
    """Landmarker."""
    min_score: float = 0.5
    """Below this certainty of a face in the region, the face is looked for again."""
    looks: int = Field(2, ge=1, le=4)
    """How often a frame is looked at, each time through the square of the look before; the looks are averaged.

    Two looks take 9 to 25 % of the jitter off still points, without any delay."""
    smoothing: bool = False
    """Whether a One-Euro filter removes jitter (it delays fast motion of the lips by a fraction of a frame)."""
    smoothing_min_cutoff: float = 4.0
    """Cut-off of the One-Euro filter for a still point, Hz."""
    smoothing_beta: float = 2.0
    """How fast that cut-off rises with speed: Hz per (face width / s)."""
