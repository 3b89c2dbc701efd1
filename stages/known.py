"""What the DAG already knows of a clip that evaluation would otherwise read a second time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotag.metrics.phones import read_phones
from emotag.perception.action_units.protocol import COLUMNS as UNIT_COLUMNS
from emotag.perception.emotion.protocol import COLUMNS as EMOTION_COLUMNS
from emotag.tables import column, read_metadata, read_table
from stages.settings import PipelineSettings, TestEntry
from stages.workspace import Workspace


@dataclass(frozen=True)
class Known:
    """The tables of a clip of params.yaml, made by the engines of params.yaml."""

    points: np.ndarray  # (T, 468, 3) pixels of the crop
    valid: np.ndarray  # (T,) bool
    units: np.ndarray  # (T, 17) intensities; NaN where not valid
    rest: np.ndarray | None  # (17,) the person's level above which they stand; None where the engine has no such thing
    emotions: np.ndarray  # (T, 7); NaN where not valid

    @staticmethod
    def of(workspace: Workspace, clip: str) -> "Known":
        """Read the tables. Raises InputError when one is missing."""
        landmarks = read_table(workspace.file("landmarks", clip, "parquet"))
        units_file = workspace.file("action_units", clip, "parquet")
        units, emotions = read_table(units_file), read_table(workspace.file("emotion", clip, "parquet"))
        intensities = np.stack([column(units, name) for name in UNIT_COLUMNS], axis=1)
        return Known(
            column(landmarks, "points468").reshape(landmarks.num_rows, -1, 3),
            column(landmarks, "valid"),
            np.where(column(units, "valid")[:, None], intensities, np.nan),
            _rest(units_file),
            np.stack([column(emotions, name) for name in EMOTION_COLUMNS], axis=1),
        )


def _rest(table: Path) -> np.ndarray | None:  # (17,)
    rest: Mapping[str, float] | None = read_metadata(table).get("neutral")
    return None if rest is None else np.array([rest[name] for name in UNIT_COLUMNS])


def phones_of(workspace: Workspace, settings: PipelineSettings, test: TestEntry, frames: int) -> list[str] | None:
    """Give the phone of every frame of a test's clip: of the test's own table, else an actor's truth, else None.

    Raises InputError when the test names a table that cannot be read.
    """
    clip = settings.clip(test.clip)
    if test.phones is not None:
        return read_phones(workspace.root / test.phones, frames, clip.start_s)
    takes = [take for take in settings.takes if workspace.raw(take) == workspace.root / clip.video]
    if not takes:
        return None
    return read_phones(workspace.file("actors", takes[0], "parquet"), frames, clip.start_s)
