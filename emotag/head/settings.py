"""Settings of the head model."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from emotag.settings import Settings


class HeadSettings(Settings):
    """Which head model is used, and how it is made."""

    engine: Literal["ict-facekit", "flame"] = "ict-facekit"
    """Head model: `ict-facekit` (MIT, scans of real people, ARKit names) or `flame` (your own licensed file)."""
    source: Path | None = None
    """ICT-FaceKit: its FaceXModel folder or the .tar.xz of it. FLAME: the model's pickle (flame2023.pkl)."""
    vertices: int = Field(default=8000, ge=4000, le=12000)
    """ICT-FaceKit: number of vertices after decimation."""
    identity_modes: int = Field(default=40, ge=1, le=300)
    """Number of shape coefficients kept (as many as the source has, at most)."""
    expression_modes: int = Field(default=100, ge=1, le=100)
    """FLAME: number of expression coefficients kept."""
    flame_masks: Path | None = None
    """FLAME: FLAME_masks.pkl, vertex ids of the regions; without it regions come from the landmarks."""
    flame_landmarks: Path | None = None
    """FLAME: landmark_embedding.npy, the 68 landmarks; without it they come from the rendered head."""
    fit_size: int = Field(default=512, ge=192, le=1024)
    """Side in pixels of the renders on which the Face Mesh landmarks are found."""
    fit_heads: int = Field(default=6, ge=1, le=40)
    """Random identities (besides the mean head) on which the Face Mesh landmarks are found."""
