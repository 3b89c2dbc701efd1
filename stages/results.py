"""Reads what `evaluate` and scoring left: metrics files, tables of frames, training logs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emotag.errors import InputError
from emotag.files import read_json
from emotag.report.data import Columns, Entrant, TestResult, TrainingLog, Video
from emotag.tables import read_table, to_numpy
from stages.workspace import Workspace

COMPARISON, AVATAR = "-compare", "-avatar"
"""Endings of a test's video names: truth, avatar and frozen side by side; the avatar alone."""


@dataclass(frozen=True)
class MetricsFile:
    """A file of reports/metrics, or another of its form."""

    file: Path
    content: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """Whose avatar it is."""
        return str(self.content["identity"])

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Its tests: a list, or keyed by name."""
        tests = self.content["tests"]
        return [{"test": name} | entry for name, entry in tests.items()] if isinstance(tests, dict) else tests

    def name(self, entry: Mapping[str, Any]) -> str:
        """Name one of its tests. A metrics file is named after its identity or its one test."""
        return str(entry.get("test") or (entry["clip"] if self.file.stem == self.identity else self.file.stem))


def metrics_files(folder: Path) -> list[MetricsFile]:
    """Read every metrics file of a folder, by name. Raises InputError on one that is none."""
    found = []
    for file in sorted(folder.glob("*.json")):
        content = read_json(file)
        if not isinstance(content, dict) or "identity" not in content or "tests" not in content:
            raise InputError(f"{file}: holds no 'identity' and 'tests'; delete it and run stage 'evaluate' again")
        found.append(MetricsFile(file, content))
    return found


def test_results(workspace: Workspace, metrics: MetricsFile) -> Iterator[TestResult]:
    """Put each test's numbers, frames and videos together, as far as they are there."""
    content = metrics.content
    for entry in metrics.entries:
        name = metrics.name(entry)
        videos = workspace.reports / "videos" / metrics.identity
        comparison = videos / f"{name}{COMPARISON}.mp4"
        yield TestResult(
            name,
            entry,
            frames_of(workspace.reports / "frames" / f"{metrics.file.stem}.parquet", entry["clip"]),
            [Video(comparison, name, "True video, avatar, frozen face.")] if comparison.exists() else [],
            _there(workspace.file("crop", entry["clip"], "mp4")),
            _there(videos / f"{name}{AVATAR}.mp4"),
            content.get("engines") or {},
            content.get("speed") or {},
        )


def method_scores(workspace: Workspace) -> list[Entrant]:
    """Read what other methods' videos scored (`emotag score`). Raises InputError on a file that is none of its."""
    folder = workspace.reports / "scores"
    entrants = []
    for file in sorted(folder.glob("*.json")):
        content = read_json(file)
        if not isinstance(content, dict) or "method" not in content or "tests" not in content:
            raise InputError(f"{file}: holds no 'method' and 'tests'; delete it and run `emotag score` again")
        tests = [
            TestResult(
                entry["test"],
                entry,
                frames_of(folder / file.stem / f"{entry['test']}.parquet", entry["clip"]),
                engines=content.get("engines") or {},
            )
            for entry in content["tests"]
        ]
        entrants.append(Entrant(str(content["method"]), tests))
    return entrants


def ablation_results(workspace: Workspace) -> list[dict[str, Any]]:
    """Read what `emotag ablate` found. Raises InputError on a file that is none of its.

    Left out is what it has gathered and not yet compared: it compares at its end, and may have been stopped before.
    """
    found = []
    for file in sorted((workspace.reports / "ablations").glob("*.json")):
        content = read_json(file)
        if isinstance(content, dict) and "key" in content and "metrics" not in content:
            continue
        if not isinstance(content, dict) or not isinstance(content.get("metrics"), dict):
            raise InputError(f"{file}: holds no 'metrics'; delete it and run `emotag ablate` again")
        found.append(content)
    return found


def frames_of(table: Path, clip: str) -> Columns | None:
    """Read the numbers of a clip's frames; None where the table is not there."""
    if not table.exists():
        return None
    rows = read_table(table)
    of_clip = np.array([name == clip for name in rows["clip"].to_pylist()], bool)
    return {name: values[of_clip] for name, values in numeric_columns(rows).items()}


def training_log(file: Path) -> TrainingLog | None:
    """Read the log of pretraining or of an adaptation; None where there is none yet."""
    if not file.exists():
        return None
    rows = read_table(file)
    stages = [str(stage or "") for stage in rows["stage"].to_pylist()] if "stage" in rows.column_names else []
    return TrainingLog(numeric_columns(rows), stages)


def numeric_columns(rows: pa.Table) -> dict[str, np.ndarray]:
    """Give the columns of numbers, and of vectors of them, as float64 (null is NaN), and those of bool."""
    columns = {}
    for field in rows.schema:
        kind = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            columns[field.name] = _numbers(rows[field.name])
        elif pa.types.is_boolean(kind):
            columns[field.name] = to_numpy(rows[field.name])
    return columns


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    if values.null_count:
        return np.array(values.to_pylist(), np.float64)
    return to_numpy(values).astype(np.float64)


def _there(file: Path) -> Path | None:
    return file if file.exists() else None
