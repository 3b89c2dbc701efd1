"""Settings of a person's splats."""

from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class SplatSettings(Settings):
    """How many splats a person has, where they stand at first, and what they can show."""

    count: int = Field(60_000, ge=4)
    """Number of splats (60 000 in the paper)."""

    allocation: Literal["equal", "area", "visible"] = "visible"
    """How they are shared out: `equal`, the same number per triangle (the paper); `area`, by the triangles' area;
    `visible`, by what the video shows of each triangle, more where there is detail."""

    unseen_share: float = Field(0.15, ge=0, le=1)
    """Share of the splats that `visible` gives out by area alone: for what this video hides and another shows."""

    detail_share: float = Field(0.5, ge=0, le=1)
    """Share of a picture's weight in `visible` that goes to its edges; the rest is even over its pixels."""

    outline_reach: float = Field(0.06, ge=0)
    """Metres. Where hair stands or hangs off the mesh, splats start up to this far from it; 0 keeps them on it."""

    rigid_teeth: bool = True
    """Teeth ride on skull and jaw alone; otherwise the motion network may move their splats too (the paper)."""

    sh_degree: int = Field(0, ge=0, le=3)
    """Degree of the spherical harmonics; 0 is advised for a monocular clip."""

    colour_frames: int = Field(32, ge=1)
    """Frames from which first colours are taken: the median of those that show a splat."""

    initial_opacity: float = Field(0.7, gt=0, lt=1)
    """Opacity that every splat starts with."""

    initial_width: float = Field(0.7, gt=0)
    """Starting size (one standard deviation), as a share of the distance to the nearest neighbours."""

    flatness: float = 0.25
    """Starting thickness along the triangle's normal, as a share of the splat's width."""

    seed: int = 0
    """Seed of the positions on the triangles."""
