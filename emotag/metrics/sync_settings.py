"""Settings of the lip-sync score."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class SyncSettings(Settings):
    """SyncNet (Chung & Zisserman, 2016): confidence, distance and offset of lips and sound."""

    engine: Literal["auto", "syncnet", "none"] = "auto"
    """syncnet measures and stops where weights are missing; auto measures when they are there; none does not."""
    weights: Path = Path("models/syncnet/syncnet_v2.model")
    """The network."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs; auto is CUDA when there is one."""
    batch: int = Field(20, ge=1)
    """Windows that go through the network at once."""
    forehead: float = Field(0.45, ge=0, le=1)
    """How far the face's box reaches above the brows, as a share of the distance from brows to chin."""
