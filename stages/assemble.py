"""Putting together, from a workspace's files, what the training and synthesis stages work on."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from emotag.avatar import Person
from emotag.device import move
from emotag.engines import require_same, signature
from emotag.errors import InputError
from emotag.features import STAGES
from emotag.files import sha256
from emotag.head.model import HeadModel, digest
from emotag.motion.store import MotionNote
from emotag.perception.geometry.files import GeometryPaths
from emotag.perception.tracking.track import PersonShape
from emotag.tables import column, read_metadata, read_table
from emotag.training.clip import ClipFeatures, load_features
from emotag.training.frames import load_frames, matching_frames
from emotag.training.geometry import load_geometry
from emotag.training.scene import Geometry, Shot
from emotag.training.stream import StreamedFrames
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
        shape.static_offset,
    )


def load_shot(workspace: Workspace, clip: str, device: torch.device, *, with_geometry: bool = False) -> Shot:
    """Give a clip for training, all of its frames on the device.

    Raises InputError when a file is missing or the clip's parts disagree.
    """
    features = clip_features(workspace, clip)
    video, matte = clip_files(workspace, clip)
    frames = load_frames(video, matte, features.focal_length)
    geometry: Geometry | None = None
    if with_geometry:
        names = (f"{clip}-depth", f"{clip}-normal", clip)
        files = [workspace.file("geometry", name, suffix) for name, suffix in zip(names, ("mkv", "mkv", "json"))]
        geometry = load_geometry(GeometryPaths(*files), frames.window, len(features))
    return Shot(move(features, device), move(frames, device), move(geometry, device))


def open_shots(workspace: Workspace, clips: Iterable[str], device: torch.device, limit: int | None) -> list[Shot]:
    """Give a person's clips for training: streamed when they have more than `limit` frames in all, else held whole.

    Raises InputError when a file is missing or a clip's parts disagree.
    """
    features = [clip_features(workspace, clip) for clip in clips]
    if limit is None or sum(map(len, features)) <= limit:
        return [load_shot(workspace, clip, device) for clip in clips]
    return [
        Shot(move(one, device), StreamedFrames(*clip_files(workspace, clip), one.focal_length, len(one), device))
        for clip, one in zip(clips, features)
    ]


def clip_features(workspace: Workspace, clip: str) -> ClipFeatures:
    """Read a clip's features. Raises InputError when they do not fit its pictures, or no frame of it can be used."""
    path = workspace.file("features", clip, "parquet")
    features = load_features(path)
    video, matte = clip_files(workspace, clip)
    count = matching_frames(video, matte)
    if count != len(features):
        raise InputError(f"{path}: {len(features)} rows, but {video} has {count} frames; run `dvc repro` to remake it")
    if not bool(features.valid.any()):
        raise InputError(f"{path}: no frame is tracked and labelled; look at the contact sheets of clip {clip}")
    return features


def frames_of(workspace: Workspace, clip: str) -> int:
    """Count a clip's frames, from its features' footer. Raises InputError when there is no such table."""
    path = workspace.file("features", clip, "parquet")
    try:
        return int(pq.read_metadata(path).num_rows)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that makes it (`dvc repro`)") from None


def clip_files(workspace: Workspace, clip: str) -> tuple[Path, Path]:
    """Name a clip's crop and its matte."""
    return workspace.file("crop", clip, "mp4"), workspace.file("matte", clip, "mkv")


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
