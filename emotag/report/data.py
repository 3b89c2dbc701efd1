"""What a report shows. Everything that a run may not have made yet is optional; the page says what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Columns = Mapping[str, np.ndarray]
"""A table as named columns of equal length, (T,) or (T, n); numbers, NaN where unknown."""


@dataclass(frozen=True)
class Video:
    """A video file to embed with its sound."""

    file: Path
    title: str
    caption: str = ""
    synthetic: bool = True  # shows an AI-generated face, which is then marked as such


@dataclass(frozen=True)
class TestResult:
    """A self-reconstruction test."""

    __test__ = False  # not a pytest class

    name: str
    summary: Mapping[str, Any]  # one entry of `tests` in the metrics JSON (emotag.metrics.evaluate)
    frames: Columns | None = None  # per frame: time_s and the columns of Evaluation; optionally `gate` and `e`
    videos: Sequence[Video] = ()  # the comparison first
    true_video: Path | None = None  # what the avatar's video was scored against, frame by frame
    avatar_video: Path | None = None
    engines: Mapping[str, Any] = field(default_factory=dict)  # that measured: task -> engine, version, weights
    speed: Mapping[str, Any] = field(default_factory=dict)  # fps, milliseconds a frame by step, device


@dataclass(frozen=True)
class Entrant:
    """Who was scored: this run's avatars, or another method's videos."""

    name: str
    tests: Sequence[TestResult]


@dataclass(frozen=True)
class TrainingLog:
    """The log of one training run."""

    columns: Columns  # frames_seen, loss and its terms (loss_…), psnr, seconds; NaN where a stage has no such term
    stages: Sequence[str] = ()  # per row: the curriculum's stage ("static", "joint"), or empty


@dataclass(frozen=True)
class IdentityResult:
    """A person's avatar and what it was tried on."""

    name: str
    consent: str | None  # who agreed to what; None is shown as a fault
    reference: str | None = None  # the clip that the avatar was made from
    tests: Sequence[TestResult] = ()
    speech: Sequence[Video] = ()  # new audio
    log: TrainingLog | None = None
    training: Mapping[str, Any] = field(default_factory=dict)  # seconds, frames_seen, device


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of a perception stage."""

    stage: str
    name: str  # clip, identity or sound
    file: Path


@dataclass(frozen=True)
class Engine:
    """Who made the artifacts of a stage. A stage with two of these mixed its engines."""

    stage: str
    engine: str
    version: str = ""
    weights: str = ""  # digest
    artifacts: int = 1  # how many this engine made


@dataclass(frozen=True)
class Timing:
    """How long something took."""

    what: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class ReportData:
    """The whole report."""

    created: str  # date and time, for the reader
    version: str  # of emotag
    identities: Sequence[IdentityResult] = ()
    methods: Sequence[Entrant] = ()  # other methods' videos, scored with the same ruler
    ablations: Sequence[Mapping[str, Any]] = ()  # contents of reports/ablations/<name>.json
    motion_log: TrainingLog | None = None  # pretraining
    corpus: Sequence[str] = ()  # people the motion network was pretrained on
    sheets: Sequence[Sheet] = ()  # in the order of the DAG
    engines: Sequence[Engine] = ()  # in the order of the DAG
    timings: Sequence[Timing] = ()
