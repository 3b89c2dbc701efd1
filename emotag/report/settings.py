"""Settings of the HTML report."""

from emotag.settings import Settings


class ReportSettings(Settings):
    """How large the page may become."""

    video_limit_mb: float = 6.0
    """A video larger than this is embedded as a smaller copy; if even that is too large, it is linked."""
    sheet_width: int = 1400
    """Contact sheets wider than this many pixels are shrunk."""
    sheet_quality: int = 78
    """JPEG quality of embedded contact sheets."""
