"""Settings of the VHAP engine."""

from pathlib import Path

from pydantic import Field

from emotag.settings import Settings


class VhapSettings(Settings):
    """Where VHAP is, how it is run, or what it gave before."""

    checkout: Path = Path("models/vhap/VHAP")
    """A checkout of VHAP with FLAME in its asset/flame."""

    python: Path = Path("models/vhap/env/bin/python")
    """The Python of VHAP's own environment; its packages do not mix with this project's."""

    imports: dict[str, Path] = {}
    """What VHAP gave before, by clip: a tracked_flame_params_N.npz, the folder of such, or a NeRF-style export. A clip
    that is named here is read, not run. VHAP must have tracked data/crop/<clip>.mp4 itself."""

    fps: float = Field(25.0, gt=0)
    """Frame rate that VHAP resampled the video to: its preprocess_video.py takes 25 unless told."""

    static_offset: bool = True
    """Whether VHAP fits an offset for each vertex of the person (hair, ears); off is stabler and leaves hair out."""

    photometric: bool = True
    """Whether VHAP also compares pixels; off is landmarks only, coarse and fast."""

    dataset: bool = True
    """Whether the third command also writes VHAP's NeRF-style data set, which GaussianAvatars trains on."""

    work: Path = Path("checkpoints/vhap")
    """Where VHAP works, a folder a clip. What it finished there is used again when nothing changed."""

    preprocess_limit_s: float = Field(1800.0, gt=0)
    """Time that preprocess_video.py may take."""

    track_limit_s: float = Field(86400.0, gt=0)
    """Time that track.py may take; VHAP needs hours for minutes of video."""

    export_limit_s: float = Field(3600.0, gt=0)
    """Time that export_as_nerf_dataset.py may take."""

    min_frames: float = Field(0.95, ge=0, le=1)
    """The least share of the clip's frames that VHAP must have tracked."""

    max_difference: float = Field(0.004, gt=0)
    """Largest mean distance on the face between VHAP's mesh and the converted track, as a share of the image's side:
    more means that the clip was tracked with another shape than the person's."""
