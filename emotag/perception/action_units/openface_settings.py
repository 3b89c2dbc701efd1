"""Settings of the OpenFace engine."""

from pathlib import Path
from typing import Literal

from emotag.settings import Settings


class OpenFaceSettings(Settings):
    """Where OpenFace 2 is, or what it wrote before, and how its intensities are read."""

    program: str = "FeatureExtraction"
    """The executable: a name on PATH, or a path. Its models must lie beside it, as its own build leaves them."""
    image: str = ""
    """A Docker image that holds the executable; when set, it runs in a container instead."""
    image_program: str = "FeatureExtraction"
    """The executable inside of the image: a name on the container's PATH, or a path."""
    container: str = "docker"
    """The program that runs containers; podman takes the same arguments."""
    tables: Path | None = None
    """A folder with a table <clip>.csv or <clip>.csv.gz per clip, made from the very clip; when set, nothing runs."""
    mode: Literal["auto", "static", "dynamic"] = "auto"
    """static keeps a sustained expression, dynamic subtracts the clip's own median; auto: by the clip's length."""
    static_below_s: float = 10.0
    """auto is static for clips shorter than this: their median is their expression."""
    landmark_model: str = ""
    """Path of another landmark model (OpenFace's -mloc); "" is its own default."""
    min_success: float = 0.8
    """Share of frames on which OpenFace must have found the face, or its table is refused."""
    max_end_gap_s: float = 0.2
    """How far an imported table may end before or after its clip."""
    start_limit_s: float = 60.0
    """Time that the program may take to start."""
    frame_limit_s: float = 0.5
    """Time that it may take for a frame besides (it runs at about 60 a second on one core)."""
