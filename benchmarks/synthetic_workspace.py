"""A project folder of people who are drawn as ellipses: files as the perception stages leave them, of any length.

For measuring what training costs. The pictures are of nobody, and what is learnt from them is worth nothing.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from emotag.features import STAGES, join_tables
from emotag.files import atomic, write_json
from emotag.head.model import HeadModel
from emotag.media.video import write_lossless, write_video
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.files import GeometryPaths, write_geometry
from emotag.perception.tracking.track import PersonShape
from emotag.tables import FPS, frame_table, numbers, strings, write_table
from emotag.vocabulary import ACTION_UNITS, EMOTIONS, au_column
from stages.workspace import Workspace

ROOT = Path(__file__).parents[1]

FOCAL_LENGTH = 2.6
HEAD_AXES = (0.29, 0.38)
"""Half of the head's width and height, as shares of the picture: what a face-centred crop shows."""

SWAY = 0.02
"""How far the head wanders, as a share of the picture."""

CYCLE_S = 4
"""Seconds after which the pictures repeat."""


def environment() -> dict[str, str]:
    """Give the environment in which another folder runs this checkout's stages, with the packages of this process."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


@dataclass(frozen=True)
class SyntheticWorkspace:
    """Writes people into a folder. `people` is seconds of footage by name."""

    root: Path
    head: Path  # a head.npz
    side: int
    audio_dim: int
    people: dict[str, float]
    avatar: str | None = None  # one of them, who also gets geometry; the others are the corpus
    settings: dict[str, Any] = field(default_factory=dict)  # of params.yaml

    def write(self) -> Workspace:
        """Write everything."""
        workspace = Workspace(self.root)
        workspace.head.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.head, workspace.head)
        head = HeadModel.load(self.head)
        for seed, (name, seconds) in enumerate(self.people.items()):
            self._write_person(workspace, name, round(seconds * FPS), head, seed)
        write_json(self.root / "data" / "corpus.json", {"identities": self._corpus})
        self.write_settings(self.settings)
        return workspace

    @property
    def _corpus(self) -> list[str]:
        return [name for name in self.people if name != self.avatar]

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write params.yaml, with other settings than before."""
        content = {
            "clips": {name: {"identity": name, "video": f"{name}.mp4"} for name in self.people},
            "identities": {name: {"consent": "synthetic", "reference": name} for name in self.people},
            "corpus": self._corpus,
            "avatars": {} if self.avatar is None else {self.avatar: {"reference": self.avatar}},
            "resolution": self.side,
        }
        with atomic(self.root / "params.yaml") as partial:
            partial.write_text(yaml.safe_dump(content | settings))

    def _write_person(self, workspace: Workspace, name: str, frames: int, head: HeadModel, seed: int) -> None:
        rng = np.random.default_rng(seed)
        pictures, heads = self._pictures(rng)
        for stage, suffix in (("crop", "mp4"), ("matte", "mkv"), ("geometry", "mkv"), ("shape", "json")):
            workspace.file(stage, name, suffix).parent.mkdir(parents=True, exist_ok=True)
        write_video(workspace.file("crop", name, "mp4"), (pictures[k % len(pictures)] for k in range(frames)))
        mattes = [np.stack((np.full_like(one, 255), one, 0 * one), axis=-1) for one in heads]
        write_lossless(workspace.file("matte", name, "mkv"), (mattes[k % len(mattes)] for k in range(frames)))
        shape = PersonShape(
            shape=torch.zeros(head.n_shape),
            focal_length=FOCAL_LENGTH,
            neutral_expression=torch.zeros(head.n_expression),
            neutral_jaw=torch.zeros(3),
            landmark_offset=torch.zeros(468, 3),
        )
        shape.save(workspace.file("shape", name, "json"), {"engine": "synthetic"})
        embedding = rng.normal(size=512).astype(np.float32)
        row = {
            "identity": strings([name]),
            "embedding": pa.FixedSizeListArray.from_arrays(numbers(embedding / np.linalg.norm(embedding)), 512),
        }
        path = workspace.file("identity", name, "parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(row), path)
        self._write_features(workspace, name, frames, head, rng)
        if name == self.avatar:
            self._write_geometry(workspace, name, frames, heads)

    def _pictures(self, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Draw some seconds of a blotchy ellipse that sways: (S, S, 3) uint8 each, and its alpha (S, S) uint8."""
        side, count = self.side, CYCLE_S * FPS
        blotches = cv2.resize(rng.uniform(60, 220, (24, 24, 3)).astype(np.float32), (2 * side, 2 * side))
        pictures, heads = [], []
        for k in range(count):
            angle = 2 * np.pi * k / count
            x, y = (round(SWAY * side * value) for value in (np.cos(angle), np.sin(2 * angle)))
            alpha = np.zeros((side, side), np.uint8)
            axes = tuple(round(side * share) for share in HEAD_AXES)
            cv2.ellipse(alpha, (side // 2 + x, side // 2 - y), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
            skin = blotches[side // 2 - y :, side // 2 - x :][:side, :side]
            share = alpha[..., None] / 255
            pictures.append((skin * share + 80 * (1 - share)).astype(np.uint8))
            heads.append(alpha)
        return pictures, heads

    def _write_features(
        self, workspace: Workspace, name: str, frames: int, head: HeadModel, rng: np.random.Generator
    ) -> None:
        valid = np.ones(frames, bool)

        def near_zero(width: int, spread: float) -> np.ndarray:
            return (spread * rng.normal(size=(frames, width))).astype(np.float32)

        emotion = rng.dirichlet(np.ones(len(EMOTIONS)), frames).astype(np.float32)
        columns: dict[str, dict[str, Any]] = {
            "track": {
                "rotation": near_zero(3, 0.02),
                "translation": near_zero(3, 0.001),
                "neck_pose": near_zero(3, 0),
                "jaw_pose": np.abs(near_zero(3, 0.05)) * [1, 0, 0],
                "eyes_pose": near_zero(6, 0.05),
                "expression": near_zero(head.n_expression, 0.1),
                "shape": np.zeros((frames, head.n_shape), np.float32),
                "focal_length": np.full(frames, FOCAL_LENGTH, np.float32),
                "reprojection_px": np.ones(frames, np.float32),
                "valid": valid,
            },
            "action_units": {au_column(unit): rng.uniform(0, 3, frames) for unit in ACTION_UNITS} | {"valid": valid},
            "emotion": {f"p_{one}": emotion[:, k] for k, one in enumerate(EMOTIONS)}
            | {"e": 1 - emotion[:, EMOTIONS.index("neutral")], "valid": valid},
            "audio": {
                "audio": near_zero(self.audio_dim, 1),
                "f0_hz": np.full(frames, 120.0),
                "voiced": valid,
                "energy_db": np.full(frames, -30.0),
                "phone": ["a"] * frames,
            },
        }
        tables = {stage: frame_table(name, columns[stage]) for stage in STAGES}
        note = {stage: {"engine": "synthetic", "version": "1"} for stage in STAGES}
        write_table(workspace.file("features", name, "parquet"), join_tables(name, name, tables), note)

    def _write_geometry(self, workspace: Workspace, name: str, frames: int, heads: list[np.ndarray]) -> None:
        up = np.zeros((self.side, self.side, 3), np.float32)
        up[..., 2] = 1
        depth = np.linspace(0.9, 1.1, self.side * self.side, dtype=np.float32).reshape(self.side, self.side)

        def shown() -> Iterator[Geometry]:
            for k in range(frames):
                mask = heads[k % len(heads)] > 127
                yield Geometry(np.where(mask, depth, 0), up * mask[..., None], mask)

        names = (f"{name}-depth", f"{name}-normal", name)
        paths = (workspace.file("geometry", one, suffix) for one, suffix in zip(names, ("mkv", "mkv", "json")))
        write_geometry(GeometryPaths(*paths), shown(), relative=True, metadata={"engine": "synthetic"})
