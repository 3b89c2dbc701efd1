"""What an action-unit engine takes and gives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emotag import vocabulary
from emotag.perception.action_units.openface_settings import OpenFaceSettings
from emotag.settings import Settings

ACTION_UNITS = tuple(f"{unit:02d}" for unit in vocabulary.ACTION_UNITS)
"""OpenFace's 17 intensities, as their columns spell them."""

COLUMNS = tuple(vocabulary.au_column(unit) for unit in vocabulary.ACTION_UNITS)
"""Their columns in a table."""

MAX_INTENSITY = 5.0
"""FACS intensity E."""

Array = NDArray[np.float64]


class ActionUnitSettings(Settings):
    """How FACS intensities are read off a clip."""

    engine: Literal["open", "openface"] = "open"
    """"open": measures of Face Mesh points (and skin shading), calibrated on OpenFace's output; "openface": itself."""
    appearance: bool = True
    """Read shading cues (wrinkles, teeth, lid crease) from the crop as well; they see what geometry cannot."""
    smoothing_frames: float = 1.0
    """Standard deviation of the Gaussian over time, frames (OpenFace's own intensities are as smooth)."""
    neutral_percentile: float = 30.0
    """The clip's own rest: this percentile of an action unit's level over the clip."""
    neutral_prior: float = 1.0
    """Trust in the population's rest against the clip's own (0: the clip's alone, like OpenFace's dynamic mode)."""
    openface: OpenFaceSettings = OpenFaceSettings()
    """Of the engine "openface"; the fields above are of "open"."""


@dataclass(frozen=True)
class FaceClip:
    """A video of one face that an engine may look at: a crop, or a render of one."""

    name: str  # of the clip, for errors and for tables that were made before
    video: Path  # 25 fps
    points: NDArray[np.floating]  # (T, 468, 3) pixels of the video, Face Mesh; NaN where not valid
    valid: NDArray[np.bool_]  # (T,)
    images: Callable[[], Iterable[NDArray[np.uint8]]]  # gives the T frames (H, W, 3) RGB, anew at each call


@dataclass(frozen=True)
class Levels:
    """What an engine read off a clip before any rest level is taken off, in units of intensity."""

    values: Array  # (T, 17); NaN where the frame is not valid
    appearance: bool  # whether shading was read too: the two kinds have different weights and rests
    note: Mapping[str, Any] = field(default_factory=dict)  # how this very clip was read, for the table's metadata


class ActionUnitEngine(Protocol):
    """Reads FACS intensities off a video of a face."""

    name: str
    version: str
    weights: str  # digest of the weights or of the program; "" where there are none
    above_rest: bool  # whether intensities are told above a person's rest, which other clips of the person help to know

    def read(self, clip: FaceClip) -> Levels:
        """Give each unit's level per frame. Raises InputError when the clip cannot be read."""
        ...

    def neutral(
        self,
        clips: Iterable[Levels],  # all of one person
    ) -> Array:  # (17,) in the units of the levels
        """Estimate the person's rest from one clip or several.

        To measure a render against the truth, give the render the neutral of the true clip.
        """
        ...

    def intensities(
        self,
        levels: Levels,
        neutral: Array | None = None,  # (17,); None: estimated from these levels alone
    ) -> Array:  # (T, 17) in [0, 5]; NaN where not valid
        """Give FACS intensities in the order of ACTION_UNITS."""
        ...
