"""What a run shows in Prefect's pages: pictures, metrics beside the paper's, files, and how training goes."""

import base64
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast
from uuid import UUID

from emotag.files import read_json
from emotag.metrics.catalogue import BY_KEY
from emotag.report.paper import EMOTAG, TABLE_1, printed
from pipeline.flows.console import Reading

PICTURE_WIDTH = 900
"""Contact sheets are made no wider than this (pixels): they are stored in Prefect's database."""

JPEG_QUALITY = 80

_PICTURES = (".jpg", ".png")
_REPORT_S = 2.0  # between updates of a bar
_QUIET_S = 3.0  # a bar that is done sooner is not shown


def key(*parts: str) -> str:
    """Give an artifact's key of these parts: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def pictures_of(root: Path, outputs: Iterable[str]) -> list[Path]:
    """Give the pictures among a stage's outputs, and those right inside of its folders."""
    found: list[Path] = []
    for output in outputs:
        path = root / output
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [file for file in inside if file.suffix in _PICTURES and file.is_file()]
    return found


def data_uri(picture: Path) -> str:
    """Give a picture as a data URI, made smaller where it is wide: the page needs no other address."""
    import cv2

    pixels = cv2.imread(str(picture))
    if pixels is None:
        raise ValueError(f"{picture}: not a picture")
    height, width = pixels.shape[:2]
    if width > PICTURE_WIDTH:
        side = (PICTURE_WIDTH, round(height * PICTURE_WIDTH / width))
        pixels = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
    content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def show_pictures(root: Path, stage: str, outputs: Sequence[str]) -> None:
    """Publish a stage's contact sheets as one markdown artifact, where it has any."""
    from prefect.artifacts import create_markdown_artifact

    parts = []
    for picture in pictures_of(root, outputs):
        with suppress(ValueError):
            name = picture.relative_to(root).as_posix()
            parts.append(f"![{name}]({data_uri(picture)})\n\n`{name}`")
    if parts:
        create_markdown_artifact("\n\n".join(parts), key=key("sheet", stage), description=f"Contact sheet of {stage}")


def metric_rows(root: Path, files: Iterable[str]) -> list[dict[str, str]]:
    """Give a row a metric of evaluation's JSON files: this run, the frozen face, and the paper's two numbers."""
    rows = []
    for file in files:
        for test in read_json(root / file)["tests"]:
            for name, value in test["metrics"].items():
                paper = {clips: printed(methods, EMOTAG, name) or "" for clips, methods in TABLE_1.items()}
                rows.append(
                    {
                        "test": test["test"],
                        "metric": _label(name),
                        "this run": _number(name, value),
                        "frozen face": _number(name, test["frozen"].get(name)),
                        "paper, neutral": paper["neutral"],
                        "paper, emotional": paper["emotional"],
                    }
                )
    return rows


def _label(name: str) -> str:
    metric = BY_KEY.get(name)
    return name if metric is None else metric.label + (f" ({metric.unit})" if metric.unit else "")


def _number(name: str, value: float | None) -> str:
    """Write a metric with its decimals; what could not be computed is a dash."""
    return "–" if value is None else f"{value:.{BY_KEY[name].decimals if name in BY_KEY else 3}f}"


def show_metrics(root: Path, name: str, files: Sequence[str]) -> None:
    """Publish metrics beside the paper's as a table."""
    from prefect.artifacts import create_table_artifact

    rows = metric_rows(root, files)
    if rows:
        create_table_artifact(rows, key=key("metrics", name), description="Beside the paper's Table 1 (5 s, HDTF)")


def show_links(root: Path, name: str, links: Mapping[str, str]) -> None:
    """Publish where results stand: text → path in the project. Browsers open `file:` links by copy and paste only."""
    from prefect.artifacts import create_link_artifact, create_markdown_artifact

    there = {text: root / path for text, path in links.items() if (root / path).exists()}
    rows = "\n".join(f"| {text} | `{path}` |" for text, path in there.items())
    create_markdown_artifact(
        f"| result | file |\n|---|---|\n{rows}\n",
        key=key("results", name),
        description=f"Where the results of {name} are",
    )
    for text, path in there.items():
        create_link_artifact(path.resolve().as_uri(), text, key=key("link", name, path.name), description=text)


class Progress:
    """A stage's progress bar as an artifact that is updated while it runs."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._what: str | None = None
        self._artifact: UUID | None = None
        self._began = self._told = time.monotonic()

    def show(self, reading: Reading) -> None:
        """Tell how far it is; every two seconds, and at the end."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        now = time.monotonic()
        if reading.what != self._what:
            self._what, self._artifact, self._began = reading.what, None, now
        over = reading.done == reading.total
        if reading.total is None or now - self._began < _QUIET_S or (now - self._told < _REPORT_S and not over):
            return
        self._told = now
        text = f"{reading.what}: {reading.done} of {reading.total}" + (f", {reading.note}" if reading.note else "")
        if self._artifact is None:
            made = create_progress_artifact(reading.percent, key=key("progress", self._stage), description=text)
            self._artifact = cast(UUID, made)  # a coroutine only where one awaits
        else:
            update_progress_artifact(self._artifact, reading.percent, description=text)
