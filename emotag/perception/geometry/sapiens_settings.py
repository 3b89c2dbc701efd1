"""Settings of the geometry engine Sapiens."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from emotag.settings import Settings

Sign = Literal[-1, 1]


class SapiensSettings(Settings):
    """Sapiens depth and normal networks (Khirodkar et al., 2024) as TorchScript."""

    depth: Path = Path("models/sapiens/sapiens_0.3b_render_people_epoch_100_torchscript.pt2")
    """The depth network."""
    normal: Path = Path("models/sapiens/sapiens_0.3b_normal_render_people_epoch_66_torchscript.pt2")
    """The normal network."""
    batch: int = Field(2, ge=1)
    """Frames that go through a network at once."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the networks run; auto is CUDA when there is one."""
    person_alpha: float = Field(0.5, gt=0, lt=1)
    """A pixel whose person alpha is above this belongs to the person, where the networks' output means something."""
    depth_sign: Sign = 1
    """1 when the network's depth grows with distance (Sapiens' does), -1 when it shrinks."""
    normal_signs: tuple[Sign, Sign, Sign] = (1, 1, 1)
    """What turns the network's normals into x right, y up, z to the camera, which Sapiens' are already."""
    check_every: int = Field(12, ge=1)
    """Every so many frames the result is held against the tracked head, to catch a flipped axis."""
