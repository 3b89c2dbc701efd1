"""The HTML page: one file, nothing loaded from elsewhere, no script."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emotag.metrics.catalogue import BY_KEY
from emotag.report.ablations import ablation_table
from emotag.report.beside import describe, paper_tables
from emotag.report.data import Entrant, IdentityResult, ReportData, Sheet, TestResult, TrainingLog, Video
from emotag.report.differences import Conditions, differences
from emotag.report.efficiency import STEP_LABELS, STEPS, cost_rows, frame_speed
from emotag.report.embed import EmbeddedVideo, embed_image, embed_video
from emotag.report.figures import Figure, frame_figures
from emotag.report.intensity import intensity_figures
from emotag.report.settings import ReportSettings
from emotag.report.tables import OVERVIEW, MetricRow, arrow, duration, metric_rows, number, overview_rows
from emotag.report.training_charts import training_figures
from emotag.report.unit_charts import UnitRow, unit_rows, unit_scale
from emotag.report.worst import GAIN, WorstFrames, worst_frames
from emotag.tables import FPS

OURS = "This run"
"""This run's avatars in the paper's tables."""

_FOLDER = Path(__file__).parent / "templates"

Notify = Callable[[str], None]
"""Is told what is being put on the page, for a progress bar."""


@dataclass(frozen=True)
class _Clip:
    video: Video
    embedded: EmbeddedVideo


@dataclass(frozen=True)
class _Test:
    result: TestResult
    kind: str  # protocol, emotion, level
    rows: Sequence[MetricRow]
    clips: Sequence[_Clip]
    figures: Sequence[Figure]
    units: Sequence[UnitRow]
    unit_scale: int
    worst: Sequence[WorstFrames]


@dataclass(frozen=True)
class _Identity:
    result: IdentityResult
    tests: Sequence[_Test]
    speech: Sequence[_Clip]
    speed: Mapping[str, float]
    training: Sequence[Figure]


@dataclass(frozen=True)
class _Picture:
    sheet: Sheet
    uri: str


@dataclass(frozen=True)
class _Stage:
    name: str
    pictures: Sequence[_Picture]


def build_report(data: ReportData, settings: ReportSettings | None = None, notify: Notify = lambda _: None) -> str:
    """Give the page as HTML. Videos and sheets are read from the files that `data` names, and embedded.

    Raises InputError when one of them is missing or cannot be read.
    """
    settings = settings or ReportSettings()
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "number": number, "arrow": arrow}
    identities = [_identity(identity, settings, notify) for identity in data.identities]
    template = environment.get_template("page.html")
    return template.render(
        data=data,
        style=Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),
        identities=identities,
        overview=overview_rows(data.identities, FPS),
        overview_metrics=[(BY_KEY[key], arrow(BY_KEY[key])) for key in OVERVIEW],
        motion=training_figures(data.motion_log) if data.motion_log else [],
        stages=_stages(data.sheets, settings, notify),
        mixed=_mixed_stages(data),
        paper_tables=paper_tables(_entrants(data)),
        ablations=ablation_table(data.ablations),
        intensity=intensity_figures(data.identities),
        differences=differences(_conditions(data)),
        costs=cost_rows(data.identities),
        cost_steps=[STEP_LABELS[step] for step in STEPS],
        difference_gain=GAIN,
    )


def _identity(identity: IdentityResult, settings: ReportSettings, notify: Notify) -> _Identity:
    return _Identity(
        result=identity,
        tests=[_test(test, settings, notify) for test in identity.tests],
        speech=[_clip(video, settings, notify) for video in identity.speech],
        speed=frame_speed(identity.tests),
        training=training_figures(identity.log) if identity.log else [],
    )


def _test(test: TestResult, settings: ReportSettings, notify: Notify) -> _Test:
    return _Test(
        result=test,
        kind=describe(test),
        rows=metric_rows(test.summary),
        clips=[_clip(video, settings, notify) for video in test.videos],
        figures=frame_figures(test.frames) if test.frames else [],
        units=unit_rows(test.frames) if test.frames else [],
        unit_scale=unit_scale(test.frames or {}),
        worst=worst_frames(test, settings.worst_frames, settings.worst_apart, settings.worst_side),
    )


def _clip(video: Video, settings: ReportSettings, notify: Notify) -> _Clip:
    notify(video.file.name)
    limit = round(settings.video_limit_mb * 1e6)
    return _Clip(video, embed_video(video.file, limit, video.synthetic))


def _stages(sheets: Sequence[Sheet], settings: ReportSettings, notify: Notify) -> list[_Stage]:
    stages = []
    for name, group in groupby(sheets, key=lambda sheet: sheet.stage):
        pictures = []
        for sheet in group:
            notify(f"{name} {sheet.name}")
            pictures.append(_Picture(sheet, embed_image(sheet.file, settings.sheet_width, settings.sheet_quality)))
        stages.append(_Stage(name, pictures))
    return stages


def _mixed_stages(data: ReportData) -> list[str]:
    """Name the stages whose artifacts were made by more than one engine, version or set of weights."""
    makers: dict[str, set[tuple[str, str, str]]] = {}
    for engine in data.engines:
        makers.setdefault(engine.stage, set()).add((engine.engine, engine.version, engine.weights))
    return [stage for stage, made in makers.items() if len(made) > 1]


def _entrants(data: ReportData) -> list[Entrant]:
    """Put this run's avatars first, then the other methods."""
    tests = [test for identity in data.identities for test in identity.tests]
    return [Entrant(OURS, tests), *data.methods]


def _conditions(data: ReportData) -> Conditions:
    tested = [identity for identity in data.identities if identity.tests]
    tests = [test for identity in tested for test in identity.tests]
    trainings = [identity.training for identity in data.identities]
    return Conditions(
        engines=data.engines,
        resolutions=[test.summary["resolution"] for test in tests if "resolution" in test.summary],
        corpus=data.corpus,
        pretraining_frames=_frames_seen(data.motion_log),
        adaptation_frames=[int(one["frames_seen"]) for one in trainings if one.get("frames_seen")],
        devices=[str(one["device"]) for one in trainings if one.get("device")],
        consents=[identity.consent or "" for identity in tested],
        clips=len({test.summary["clip"] for test in tests}),
        lags_s=[float(test.summary.get("audio_lag_s", 0.0)) for test in tests],
        aligned=any(test.summary.get("alignment_rounds") for test in tests),
    )


def _frames_seen(log: TrainingLog | None) -> int | None:
    seen = log.columns.get("frames_seen") if log else None
    return int(seen[-1]) if seen is not None and len(seen) else None
