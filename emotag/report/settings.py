"""Settings of the HTML report."""

from pydantic import Field

from emotag.settings import Settings


class ReportSettings(Settings):
    """What the page holds, and how large it may become."""

    video_limit_mb: float = 6.0
    """A video larger than this is embedded as a smaller copy; if even that is too large, it is linked."""
    sheet_width: int = 1400
    """Contact sheets wider than this many pixels are shrunk."""
    sheet_quality: int = 78
    """JPEG quality of embedded contact sheets."""
    worst_frames: int = Field(default=3, ge=0)
    """Worst frames shown of each test, by mouth landmarks and by the head's PSNR."""
    worst_apart: int = Field(default=6, ge=1)
    """Frames between two worst frames at least: neighbours show the same fault."""
    worst_side: int = Field(default=256, ge=32)
    """Height of a worst frame's picture, pixels."""
