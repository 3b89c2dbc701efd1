"""What VHAP tracked, in its own terms: one table of parameters, whichever of its two formats they came in."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

PER_FRAME = {"rotation": 3, "translation": 3, "neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6}
"""VHAP's parameters of a frame besides the expression, and their widths; all but the translation are axis-angle."""

CAMERA = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]])
"""VHAP's camera of an uncalibrated video, to world: at z = +1 m, looking down −z, y up (OpenGL axes)."""


@dataclass(frozen=True)
class Recording:
    """FLAME's parameters of T frames, float64. Angles are axis-angle in radians, lengths metres."""

    source: Path  # for messages
    steps: np.ndarray  # (T,) int: numbers of the frames in VHAP's resampled video, rising
    rotation: np.ndarray  # (T, 3)
    translation: np.ndarray  # (T, 3)
    neck_pose: np.ndarray  # (T, 3)
    jaw_pose: np.ndarray  # (T, 3)
    eyes_pose: np.ndarray  # (T, 6) left, right
    expression: np.ndarray  # (T, E)
    shape: np.ndarray  # (S,)
    static_offset: np.ndarray | None  # (V, 3)
    focal_length: float  # pixels / max(height, width)
    width: int  # of the image, pixels
    height: int
    camera: np.ndarray  # (4, 4) to world, OpenGL axes

    def __len__(self) -> int:
        return len(self.steps)

    def with_rows(self, rows: dict[str, np.ndarray], steps: np.ndarray) -> "Recording":
        """Give the same with other rows of the per-frame parameters."""
        changed: dict[str, Any] = {"steps": steps, **rows}
        return replace(self, **changed)

    def rows(self) -> dict[str, np.ndarray]:
        """Give the per-frame parameters by name."""
        return {name: getattr(self, name) for name in (*PER_FRAME, "expression")}
