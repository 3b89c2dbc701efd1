"""Settings of the metrics that need networks."""

from emotag.metrics.lpips_settings import LpipsSettings
from emotag.metrics.sync_settings import SyncSettings
from emotag.settings import Settings


class MetricSettings(Settings):
    """Which of the optional metrics are measured. Action units are those of `action_units.engine`."""

    lpips: LpipsSettings = LpipsSettings()
    """Perceptual distance of pictures."""
    sync: SyncSettings = SyncSettings()
    """Agreement of lips and sound."""
