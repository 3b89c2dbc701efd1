"""Stage `report`: one self-contained page of what the workspace holds, and small flat files for `dvc metrics|plots`."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from emotag import __version__
from emotag.files import atomic, read_json, write_json
from emotag.progress import progress_bar, summary
from emotag.report.build import build_report
from emotag.report.data import Engine, IdentityResult, ReportData, Sheet, Timing, TrainingLog, Video
from emotag.report.flat import flat_metrics, frame_rows, to_tsv, training_rows
from emotag.tables import read_metadata
from stages.results import (
    AVATAR,
    COMPARISON,
    MetricsFile,
    ablation_results,
    method_scores,
    metrics_files,
    test_results,
    training_log,
)
from stages.run import run
from stages.settings import PipelineSettings, load_settings
from stages.workspace import Workspace

PERCEPTION = (
    "crop",
    "landmarks",
    "shape",
    "track",
    "matte",
    "action_units",
    "emotion",
    "identity",
    "audio",
    "sounds",
    "geometry",
)
"""Folders of data/ that hold contact sheets and engines' notes, in the order of the DAG."""


PRETRAINING = "pretraining"
"""Name of the motion network's curves; an avatar's bear its identity."""


def report() -> None:
    """Write reports/report.html, reports/summary/<test>.json and reports/plots/{training,frames}.tsv."""
    workspace = Workspace()
    settings = load_settings()
    data = collect(workspace, settings)
    output = workspace.reports / "report.html"
    videos = sum(len(one.speech) + sum(len(test.videos) for test in one.tests) for one in data.identities)
    with progress_bar("report", videos + len(data.sheets)) as bar:
        page = build_report(data, settings.report, lambda what: bar.advance(1, what))
    with atomic(output) as partial:
        partial.write_text(page, encoding="utf-8")
    _write_flat(workspace, data)
    summary(
        "report",
        [
            ("identities", ", ".join(one.name for one in data.identities) or "none yet"),
            ("tests", sum(len(one.tests) for one in data.identities)),
            ("videos", videos),
            ("contact sheets", len(data.sheets)),
            ("size", f"{output.stat().st_size / 1e6:.1f} MB"),
            ("page", output),
        ],
    )


def _write_flat(workspace: Workspace, data: ReportData) -> None:
    tests = [(test, one.training) for one in data.identities for test in one.tests]
    folder = workspace.reports / "summary"
    for stale in folder.glob("*.json"):
        stale.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for test, training in tests:
        write_json(folder / f"{test.name}.json", flat_metrics(test, training))
    logs = {PRETRAINING: data.motion_log} | {one.name: one.log for one in data.identities}
    curves = {
        "training": training_rows({name: log for name, log in logs.items() if log is not None}),
        "frames": frame_rows([test for test, _ in tests]),
    }
    for name, rows in curves.items():
        with atomic(workspace.reports / "plots" / f"{name}.tsv") as partial:
            partial.write_text(to_tsv(rows), encoding="utf-8")


def collect(workspace: Workspace, settings: PipelineSettings) -> ReportData:
    """Gather what the workspace holds by now. Raises InputError on a metrics file that is not one."""
    results = _by_identity(_in_order(metrics_files(workspace.reports / "metrics"), list(settings.tests)))
    names = sorted(set(results) | _folders(workspace.reports / "videos") | _folders(workspace.avatar("x").parent))
    motion_log = training_log(workspace.motion / "log.parquet")
    identities = [_identity(workspace, settings, name, results.get(name, [])) for name in names]
    return ReportData(
        created=datetime.now().astimezone().strftime("%-d %B %Y, %H:%M"),
        version=__version__,
        identities=identities,
        methods=method_scores(workspace),
        ablations=ablation_results(workspace),
        motion_log=motion_log,
        corpus=settings.corpus,
        sheets=_sheets(workspace),
        engines=_engines(workspace),
        timings=_timings(identities, motion_log),
    )


def _in_order(files: Sequence[MetricsFile], tests: Sequence[str]) -> list[MetricsFile]:
    """Sort by the order of params.yaml; what it no longer has comes last."""
    place = {name: index for index, name in enumerate(tests)}
    return sorted(files, key=lambda metrics: place.get(metrics.file.stem, len(place)))


def _by_identity(files: Sequence[MetricsFile]) -> dict[str, list[MetricsFile]]:
    found: dict[str, list[MetricsFile]] = {}
    for metrics in files:
        found.setdefault(metrics.identity, []).append(metrics)
    return found


def _identity(
    workspace: Workspace,
    settings: PipelineSettings,
    name: str,
    results: Sequence[MetricsFile],
) -> IdentityResult:
    entry = settings.identities.get(name)
    card_file = workspace.avatar(name) / "avatar.json"
    card = read_json(card_file) if card_file.exists() else {}
    tests = [test for metrics in results for test in test_results(workspace, metrics)]
    training: dict[str, Any] = dict(card.get("training") or {})
    for metrics in results:
        training |= metrics.content.get("training") or {}
    # An avatar carries the consent it was made with; what params.yaml says today may be newer than that.
    consent = card.get("consent") or (entry.consent if entry else None)
    return IdentityResult(
        name=name,
        consent=consent,
        reference=entry.reference if entry else None,
        tests=tests,
        speech=_speech(workspace, settings, name),
        log=training_log(workspace.avatar(name) / "log.parquet"),
        training=training,
    )


def _speech(workspace: Workspace, settings: PipelineSettings, identity: str) -> list[Video]:
    videos = []
    for file in sorted((workspace.reports / "videos" / identity).glob("*.mp4")):
        if file.stem.endswith((COMPARISON, AVATAR)):
            continue
        entry = settings.videos.get(file.stem)
        videos.append(Video(file, file.stem, f"Speaks {entry.sound}." if entry else ""))
    return videos


def _sheets(workspace: Workspace) -> list[Sheet]:
    sheets = []
    for stage in PERCEPTION:
        folder = workspace.file(stage, "x", "jpg").parent
        files = sorted(file for suffix in ("jpg", "png") for file in folder.glob(f"*.{suffix}"))
        sheets += [Sheet(stage, file.stem, file) for file in files if not file.name.startswith(".")]
    of_corpus = (("sync", "corpus", workspace.sync), ("pretrain", "motion", workspace.motion))
    for stage, name, folder in of_corpus:
        pictures = folder / "sheet.jpg"
        sheets += [Sheet(stage, name, pictures)] if pictures.exists() else []
    avatars = sorted(workspace.avatar("x").parent.glob("*/sheet.jpg"))
    return sheets + [Sheet("adapt", file.parent.name, file) for file in avatars]


def _engines(workspace: Workspace) -> list[Engine]:
    """Count the artifacts of each stage by their makers."""
    engines = []
    for stage in PERCEPTION:
        folder = workspace.file(stage, "x", "parquet").parent
        notes = [read_metadata(file) for file in sorted(folder.glob("*.parquet"))]
        notes += [note for file in sorted(folder.glob("*.json")) if isinstance(note := read_json(file), dict)]
        makers: dict[tuple[str, str, str], int] = {}
        for note in notes:
            if note.get("engine"):
                maker = (str(note["engine"]), str(note.get("version") or ""), str(note.get("weights") or ""))
                makers[maker] = makers.get(maker, 0) + 1
        engines += [Engine(stage, *maker, count) for maker, count in makers.items()]
    return engines


def _timings(identities: Sequence[IdentityResult], motion_log: TrainingLog | None) -> list[Timing]:
    timings = []
    if motion_log and len(motion_log.columns.get("seconds", ())):
        frames = motion_log.columns["frames_seen"][-1]
        timings.append(Timing("pretraining", float(motion_log.columns["seconds"][-1]), f"{frames:,.0f} frames"))
    for one in identities:
        if one.training.get("seconds"):
            frames, device = one.training.get("frames_seen", 0), one.training.get("device", "")
            detail = f"{frames:,} frames" + (f" on {device}" if device else "")
            timings.append(Timing(f"adaptation of {one.name}", float(one.training["seconds"]), detail))
    return timings


def _folders(parent: Path) -> set[str]:
    return {folder.name for folder in parent.iterdir() if folder.is_dir()} if parent.exists() else set()


if __name__ == "__main__":
    run(report)
