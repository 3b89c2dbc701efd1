"""Where every artifact stands, so that no stage spells a path."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The folder that holds params.yaml. `file("crop", clip, "mp4")` is data/crop/<clip>.mp4."""

    root: Path = Path()

    def file(self, stage: str, name: str, suffix: str) -> Path:
        """Artifact of a per-clip (or per-identity) stage under data/."""
        return self.root / "data" / stage / f"{name}.{suffix}"

    @property
    def open_models(self) -> Path:
        """Folder of the open perception networks."""
        return self.root / "models" / "open"

    @property
    def open_head(self) -> Path:
        """The open head with its shoulders, of which actors are made."""
        return self.root / "models" / "open_head" / "head.npz"

    def raw(self, take: str) -> Path:
        """The video of a take."""
        return self.root / "data" / "raw" / f"{take}.mp4"

    @property
    def head(self) -> Path:
        """The head model."""
        return self.root / "models" / "head" / "head.npz"

    @property
    def motion(self) -> Path:
        """Folder of the pretrained motion network."""
        return self.root / "models" / "motion"

    @property
    def sync(self) -> Path:
        """Folder of the corpus' audio lags and of what finds others."""
        return self.root / "models" / "sync"

    def avatar(self, identity: str) -> Path:
        """Folder of an identity's avatar."""
        return self.root / "models" / "avatars" / identity

    @property
    def reports(self) -> Path:
        """Folder of metrics, videos and the HTML report."""
        return self.root / "reports"
