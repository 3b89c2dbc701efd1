"""Putting together, from a workspace's files, what the training and synthesis stages work on."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from emotag.avatar import Person
from emotag.device import move
from emotag.engines import require_same, signature
from emotag.features import STAGES
from emotag.files import sha256
from emotag.head.model import HeadModel, digest
from emotag.motion.store import MotionNote
from emotag.perception.tracking.track import PersonShape
from emotag.tables import column, read_metadata, read_table
from emotag.training.clip import load_features, load_frames
from emotag.training.scene import Geometry, Shot
from emotag.vocabulary import UPPER_ACTION_UNITS, au_column
from stages.workspace import Workspace


def load_person(workspace: Workspace, name: str, head: HeadModel) -> Person:
    """Give a person's constants. Raises InputError when a file is missing or of another head model."""
    path = workspace.file("shape", name, "json")
    shape = PersonShape.load(path)
    shape.check(head, path)
    embedding = column(read_table(workspace.file("identity", name, "parquet")), "embedding")[0]
    return Person(
        name,
        shape.shape,
        shape.focal_length,
        shape.neutral_expression,
        shape.neutral_jaw,
        torch.from_numpy(embedding),
    )


def load_shot(workspace: Workspace, clip: str, geometry: Geometry | None, device: torch.device) -> Shot:
    """Give a clip for training. Raises InputError when a file is missing or its parts disagree."""
    features = load_features(workspace.file("features", clip, "parquet"))
    video, matte = workspace.file("crop", clip, "mp4"), workspace.file("matte", clip, "mkv")
    frames = load_frames(video, matte, features.focal_length)
    return Shot(move(features, device), move(frames, device), move(geometry, device))


def motion_note(workspace: Workspace, head: HeadModel, clips: Iterable[str]) -> MotionNote:
    """Say what the motion network's inputs and outputs mean; refuse clips made by different engines (InputError)."""
    metadata = {clip: read_metadata(workspace.file("features", clip, "parquet")) for clip in clips}
    engines: dict[str, str] = {}
    for stage in STAGES:
        makers: Mapping[str, Mapping[str, Any]] = {clip: note[stage] for clip, note in metadata.items()}
        require_same(stage, makers)
        engines[stage] = signature(next(iter(makers.values())))
    return MotionNote(
        head=digest(workspace.head),
        expression_names=head.expression_names,
        expression_features=tuple(au_column(unit) for unit in UPPER_ACTION_UNITS),
        engines=engines,
    )


def run_key(settings: Iterable[Any], files: Iterable[Path]) -> str:
    """Name a training run by its settings and its input files, so that only its own checkpoint is resumed."""
    digests = [sha256(file) for file in files]
    content = json.dumps([[item.model_dump(mode="json") for item in settings], digests], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
