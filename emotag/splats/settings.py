"""Settings of a person's splats."""

from emotag.settings import Settings


class SplatSettings(Settings):
    """How many splats a person has and what they can show."""

    count: int = 60_000
    """Number of splats (60 000 in the paper)."""

    sh_degree: int = 0
    """Degree of the spherical harmonics; 0 is advised for a monocular clip."""

    initial_opacity: float = 0.7
    """Opacity that every splat starts with."""

    flatness: float = 0.25
    """Starting thickness along the triangle's normal, as a share of the splat's width."""

    seed: int = 0
    """Seed of the positions on the triangles."""
