"""Settings of ingest."""

from emotag.settings import Settings


class IngestSettings(Settings):
    """What a source must offer, and how it is stored."""

    min_seconds: float = 3.0
    """A clip shorter than this is refused."""
    require_audio: bool = True
    """Whether a clip without an audio stream is refused; otherwise its sound is silence."""
    allow_silence: bool = False
    """Whether a clip whose audio stream is digital silence is accepted."""
    silence_peak: float = 0.0005
    """Sound that never exceeds this amplitude (of 1) is silence."""
    crf: int = 6
    """Quality of the stored H.264: lower is nearer to lossless."""
