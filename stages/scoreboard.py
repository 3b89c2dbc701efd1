"""The scores of a method on disk, `reports/scores/<method>.json`, and intervals as JSON holds them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotag.errors import InputError
from emotag.files import read_json, write_json
from emotag.metrics.intervals import Interval, pooled
from emotag.metrics.statistics import STATISTICS, Columns
from emotag.tables import frame_table, read_table, write_table
from stages.results import numeric_columns


class Scoreboard:
    """A method's clips. Its engines are one set, so that rows of a table are measured alike."""

    def __init__(self, folder: Path, method: str, engines: Mapping[str, Any]) -> None:
        """Read what is there. Raises InputError when other engines measured the method's clips."""
        self.file = folder / f"{method}.json"
        self._method, self._engines = method, dict(engines)
        self.tests: list[dict[str, Any]] = []
        if self.file.is_file():
            content = read_json(self.file)
            if not isinstance(content, dict) or "tests" not in content:
                raise InputError(f"{self.file}: holds no 'tests'; delete it and score the method's clips again")
            if content.get("engines") != self._engines:
                raise InputError(
                    f"{self.file}: its clips were measured by other engines than params.yaml chooses now; move it away "
                    "and score them again, or choose those engines"
                )
            self.tests = list(content["tests"])

    def add(self, entry: Mapping[str, Any], columns: Columns) -> None:
        """Add a clip, or replace it, and write the board: first the frames, last the JSON."""
        name = str(entry["test"])
        note = {"method": self._method, "test": name}
        write_table(self._frames(name), frame_table(name, dict(columns)), note)
        others = [one for one in self.tests if one["test"] != name]
        self.tests = sorted([*others, dict(entry)], key=lambda one: str(one["test"]))
        frames = [numeric_columns(read_table(self._frames(str(one["test"])))) for one in self.tests]
        metrics = interval_json({metric: pooled(frames, metric) for metric in STATISTICS})
        content = {"method": self._method, "engines": self._engines, "metrics": metrics, "tests": self.tests}
        write_json(self.file, content)

    def _frames(self, name: str) -> Path:
        return self.file.parent / self._method / f"{name}.parquet"


def interval_json(intervals: Mapping[str, Interval]) -> dict[str, dict[str, Any]]:
    """Give metric -> mean, low, high, frames, of the metrics that were measured; what is not finite is null."""
    return {
        metric: {
            "mean": _number(one.mean),
            "low": _number(one.low),
            "high": _number(one.high),
            "frames": one.frames,
        }
        for metric, one in intervals.items()
        if one.frames
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
