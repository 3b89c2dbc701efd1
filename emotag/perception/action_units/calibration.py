"""The few numbers that turn measures into intensities: read from a JSON beside the code, written by the benchmark."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from emotag.files import read_json
from emotag.perception.action_units.protocol import ACTION_UNITS, Array
from emotag.perception.action_units.terms import SIGNALS

FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True)
class Calibration:
    """Intensity = weights · signals − the person's rest."""

    weights: Array  # (17, S) columns as SIGNALS
    rest_mean: Array  # (17,) weights · signals of a typical person at rest
    rest_std: Array  # (17,) standard deviation of that between people

    def to_json(self) -> dict[str, Any]:
        """Give the non-zero weights by name."""
        units = {}
        for row, unit in enumerate(ACTION_UNITS):
            used = np.flatnonzero(self.weights[row])
            units[f"AU{unit}"] = {
                "weights": {SIGNALS[i]: float(f"{self.weights[row, i]:.4g}") for i in used},
                "rest_mean": float(f"{self.rest_mean[row]:.4g}"),
                "rest_std": float(f"{self.rest_std[row]:.4g}"),
            }
        return units

    @staticmethod
    def from_json(units: dict[str, Any]) -> "Calibration":
        """Read what `to_json` wrote."""
        weights = np.zeros((len(ACTION_UNITS), len(SIGNALS)))
        rest = np.zeros((2, len(ACTION_UNITS)))
        for row, unit in enumerate(ACTION_UNITS):
            entry = units[f"AU{unit}"]
            for name, value in entry["weights"].items():
                weights[row, SIGNALS.index(name)] = value
            rest[:, row] = entry["rest_mean"], entry["rest_std"]
        return Calibration(weights, rest[0], rest[1])


@lru_cache(maxsize=2)
def load_calibration(appearance: bool) -> Calibration:
    """Give the committed calibration, for points and shading or for points alone."""
    return Calibration.from_json(read_json(FILE)["with_appearance" if appearance else "geometry_only"])
