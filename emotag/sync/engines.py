"""Ways to bring sound and picture together."""

from emotag.external.need import Engine

ENGINES = (
    Engine("sync", "open", "late sound found by the mouth's opening", lambda settings: (), open=True),
    Engine("sync", "none", "sound and picture as the file has them", lambda settings: (), paper=True),
)
"""What `sync.engine` can be."""
