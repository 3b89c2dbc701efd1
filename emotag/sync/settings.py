"""Settings of the search for a recording's audio lag."""

from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class SyncSettings(Settings):
    """How sound and picture are brought together before the motion network sees them."""

    engine: Literal["open", "none"] = "open"
    """"open" finds each clip's lag; "none" takes sound and picture as the file has them, as the paper does."""
    most_s: float = Field(0.28, gt=0, le=1)
    """Lags of up to this are looked for, either way, seconds."""
    least_s: float = Field(0.03, ge=0)
    """A smaller lag is left alone, seconds: nobody notices it (ITU-R BT.1359-1 has 45 ms of early sound as the least
    that anyone does), and that much is the error over five seconds."""
    correlation: float = Field(0.3, ge=0, le=1)
    """Least correlation of the mouth's opening with what the sound says of it, at the best lag."""
    gain: float = Field(0.05, ge=0, le=2)
    """Least gain of that correlation over no lag."""
    gain_per_s: float = Field(1.4, ge=0)
    """Least gain for each second of the lag. A mouth's curve has forgotten itself after a tenth of a second, so a clip
    that fits well both there and here fits by chance: five seconds hold few syllables."""
    components: int = Field(64, gt=0)
    """Principal components of the audio features that the regression reads."""
    rounds: int = Field(6, gt=0)
    """Times that the corpus' lags and the regression are found from each other."""
