"""The paper's tables with this run's rows beneath: the same columns, intervals, and the frozen face in brackets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from emotag.metrics.catalogue import BY_KEY, Metric
from emotag.metrics.intervals import pooled
from emotag.metrics.statistics import STATISTICS, Version
from emotag.report.data import Entrant, TestResult
from emotag.report.differences import ruler_notes
from emotag.report.paper import (
    EMOTAG,
    TABLE_1,
    TABLE_1_METRICS,
    TABLE_2,
    TABLE_2_METRICS,
    TABLE_3,
    TABLE_3_METRICS,
    PaperRow,
)
from emotag.report.tables import MISSING, interval_text, number
from emotag.vocabulary import EMOTIONS

MOST_ROWS = 6
"""More clips of one entrant than this stand in a table as their mean alone; each has its own table further down."""

OWN_METRICS = ("mouth_correlation", "closure_rate", "audio_correlation", "audio_lag_frames")
"""Columns of Table 3 that the paper lacks, of lips and sound, for when there is no SyncNet."""

_NEUTRAL = EMOTIONS[-1]
_UNSTATED = "unstated"
_VOICE, _LANGUAGE, _INTENSITY, _SELF = "voice", "language", "intensity", "self"
_KINDS = {
    _SELF: "self-reconstruction",
    _INTENSITY: "emotion intensity",
    _VOICE: "another person's voice",
    _LANGUAGE: "another language",
}


@dataclass(frozen=True)
class Cell:
    """One number."""

    value: str
    interval: str = ""  # "[low, high]", 95 %
    frozen: str = ""  # the same of the face that never moves


@dataclass(frozen=True)
class Row:
    """A method, the paper's or scored here."""

    name: str
    detail: str
    cells: Sequence[Cell]
    frames: int | None = None  # scored here
    failures: int | None = None  # of these, frames in which no face was found
    ours: bool = False  # scored here
    paper_method: bool = False  # the paper's own row


@dataclass(frozen=True)
class Group:
    """Rows on like clips."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, with this run's rows."""

    anchor: str
    title: str
    source: str  # where the paper prints it
    text: str
    metrics: Sequence[Metric]
    groups: Sequence[Group]
    notes: Sequence[str]  # what was measured otherwise

    @property
    def has_ours(self) -> bool:
        """Whether anything of this run stands in it."""
        return any(row.ours for group in self.groups for row in group.rows)


def paper_tables(entrants: Sequence[Entrant]) -> list[PaperTable]:
    """Give Tables 1, 2 and 3 with what the entrants (this run's avatars first, then other methods) scored."""
    return [_self_reconstruction(entrants), _emotion_intensity(entrants), _new_audio(entrants)]


def protocol(test: TestResult) -> str:
    """Name the protocol of a test; metrics written before there were several are self-reconstruction."""
    return str(test.summary.get("protocol") or _SELF)


def _self_reconstruction(entrants: Sequence[Entrant]) -> PaperTable:
    metrics = TABLE_1_METRICS
    groups = [
        Group(f"{name.capitalize()} clips", [*_printed(rows, metrics), *_scored(entrants, metrics, _set, name)])
        for name, rows in TABLE_1.items()
    ]
    if unstated := _scored(entrants, metrics, _set, _UNSTATED):
        groups.append(Group("Clips whose emotion params.yaml does not state", unstated))
    return PaperTable(
        "table-1",
        "Self-reconstruction",
        "Table 1",
        "An unseen clip of the same person, after five seconds.",
        _metrics(metrics),
        groups,
        ruler_notes(_tests(entrants, _SELF), metrics),
    )


def _emotion_intensity(entrants: Sequence[Entrant]) -> PaperTable:
    metrics, tests = TABLE_2_METRICS, _tests(entrants, _INTENSITY)
    levels = sorted({*TABLE_2, *(level for test in tests if (level := _level(test)) is not None)})
    return PaperTable(
        "table-2",
        "Emotion intensity",
        "Table 2",
        "Adapted on a clip of level 2, tested on more and on less of the same emotion.",
        _metrics(metrics),
        [
            Group(
                f"Level {level}",
                [*_printed(TABLE_2.get(level, ()), metrics), *_scored(entrants, metrics, _level, level)],
            )
            for level in levels
        ],
        ruler_notes(tests, metrics),
    )


def _new_audio(entrants: Sequence[Entrant]) -> PaperTable:
    kinds = {kind: _KINDS[kind].capitalize() for kind in (_VOICE, _LANGUAGE)}
    tests = _tests(entrants, *kinds)
    measured = {
        key for test in tests for key, value in (test.summary.get("metrics") or {}).items() if value is not None
    }
    metrics = (*TABLE_3_METRICS, *(key for key in OWN_METRICS if key in measured))
    return PaperTable(
        "table-3",
        "New audio",
        "Table 3",
        "Speech unlike what the avatar was adapted on. Pose and upper face come from the clip that it was adapted on, "
        "as in the paper, unless a row says otherwise; then no frame has a true one to be compared with.",
        _metrics(metrics),
        [
            Group(title, [*_printed(TABLE_3[kind], metrics), *_scored(entrants, metrics, protocol, kind)])
            for kind, title in kinds.items()
        ],
        ruler_notes(tests, metrics),
    )


def _tests(entrants: Sequence[Entrant], *protocols: str) -> list[TestResult]:
    return [test for one in entrants for test in one.tests if protocol(test) in protocols]


def _level(test: TestResult) -> int | None:
    """Give the level of a test of Table 2, None when it is another table's or does not state one."""
    level = test.summary.get("level")
    return int(level) if protocol(test) == _INTENSITY and level is not None else None


def _set(test: TestResult) -> str | None:
    """Give Table 1's set that a test belongs to, or _UNSTATED; None when it is another table's."""
    if protocol(test) != _SELF:
        return None
    emotion = test.summary.get("emotion")
    return _UNSTATED if emotion is None else "neutral" if emotion == _NEUTRAL else "emotional"


def _printed(rows: Iterable[PaperRow], metrics: Sequence[str]) -> list[Row]:
    return [
        Row(
            row.method,
            "",
            [Cell(row.values.get(key, MISSING)) for key in metrics],
            paper_method=row.method == EMOTAG,
        )
        for row in rows
    ]


def _scored(
    entrants: Sequence[Entrant],
    metrics: Sequence[str],
    group_of: Callable[[TestResult], object],
    group: object,
) -> list[Row]:
    rows = []
    for entrant in entrants:
        rows += scored_rows(entrant.name, [test for test in entrant.tests if group_of(test) == group], metrics)
    return rows


def scored_rows(name: str, tests: Sequence[TestResult], metrics: Sequence[str]) -> list[Row]:
    """Give the mean over several tests, weighted by their frames, and each test's row while there are few.

    A test with cues other than the paper's does not enter the mean: it is the same audio a second time.
    """
    alike = [test for test in tests if not _other_cues(test)]
    others = [test for test in tests if _other_cues(test)]
    rows = [one_row(name, test, metrics) for test in alike] if len(alike) <= MOST_ROWS else []
    mean = [_mean_row(name, alike, metrics)] if len(alike) > 1 else []
    return [*mean, *rows, *(one_row(name, test, metrics) for test in others)]


def one_row(name: str, test: TestResult, metrics: Sequence[str]) -> Row:
    """Give the row of one test."""
    summary = test.summary
    own, frozen = summary.get("metrics") or {}, summary.get("frozen") or {}
    intervals = summary.get("intervals") or {}
    cells = [
        Cell(
            number(own.get(key), BY_KEY[key].decimals),
            interval_text(intervals.get(key), BY_KEY[key].decimals),
            _bracketed(frozen.get(key), BY_KEY[key]),
        )
        for key in metrics
    ]
    return Row(name, _detail(test), cells, summary.get("frames"), failures(summary), ours=True)


def failures(summary: Mapping[str, object]) -> int | None:
    """Count the frames in which no landmarks were found, in the truth or in the render: they enter no face metric."""
    valid, frames = summary.get("valid_frames"), summary.get("frames")
    if not isinstance(valid, Mapping) or "landmarks" not in valid or not isinstance(frames, int):
        return None
    return frames - int(valid["landmarks"])


def _mean_row(name: str, tests: Sequence[TestResult], metrics: Sequence[str]) -> Row:
    counts = [failures(test.summary) for test in tests]
    known = [count for count in counts if count is not None]
    return Row(
        name,
        f"mean of {len(tests)} clips",
        [_mean_cell(tests, BY_KEY[key]) for key in metrics],
        sum(int(test.summary.get("frames", 0)) for test in tests),
        sum(known) if known else None,
        ours=True,
    )


def _mean_cell(tests: Sequence[TestResult], metric: Metric) -> Cell:
    """Weigh the tests by their frames; a metric that does not follow from frames has no mean."""
    frames = [test.frames for test in tests if test.frames]
    if metric.key not in STATISTICS or len(frames) < len(tests):
        return Cell(MISSING)
    versions: tuple[Version, Version] = ("avatar", "frozen")
    own, frozen = (pooled(frames, metric.key, version=version) for version in versions)
    if not own.frames:
        return Cell(MISSING)
    return Cell(
        number(own.mean, metric.decimals),
        interval_text((own.low, own.high), metric.decimals),
        _bracketed(frozen.mean if frozen.frames else None, metric),
    )


def _bracketed(value: float | None, metric: Metric) -> str:
    return "" if value is None else f"({number(value, metric.decimals)})"


def describe(test: TestResult) -> str:
    """Say what a test is of: its protocol, its emotion and level, and unusual cues."""
    return ", ".join([_KINDS.get(protocol(test), protocol(test)), *_words(test)])


def _detail(test: TestResult) -> str:
    return ": ".join([test.name, *([", ".join(words)] if (words := _words(test)) else [])])


def _words(test: TestResult) -> list[str]:
    emotion, level = test.summary.get("emotion"), test.summary.get("level")
    words = ([str(emotion)] if emotion else []) + ([f"level {level}"] if level is not None else [])
    if _other_cues(test):
        words.append("with the test clip's own cues")
    if late := test.summary.get("frames_late"):
        words.append(f"fits best {late} frames earlier")
    return words


def _other_cues(test: TestResult) -> bool:
    """Tell whether pose and upper face come from another clip than in the paper."""
    return test.summary.get("cues") == "own" and protocol(test) in (_VOICE, _LANGUAGE)


def _metrics(keys: Iterable[str]) -> list[Metric]:
    return [BY_KEY[key] for key in keys]
