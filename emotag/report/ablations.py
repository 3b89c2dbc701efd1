"""The paper's Table 5 with this run's ablations (`emotag ablate`): what each part of the model is worth here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotag.metrics.catalogue import BY_KEY, Metric
from emotag.report.paper import TABLE_5, TABLE_5_METRICS, printed
from emotag.report.tables import interval_text, number

Result = Mapping[str, Any]
"""The content of one reports/ablations/<name>.json (pipeline.ablation.result)."""

_FULL = "full"
_VERDICTS: Mapping[str, tuple[str, bool | None]] = {
    "better": ("the full model is better, intervals apart", True),
    "ahead": ("the full model is better, intervals overlap", None),
    "behind": ("the full model is worse, intervals overlap", None),
    "worse": ("the full model is worse, intervals apart", False),
    "unmeasured": ("not measured", None),
}


@dataclass(frozen=True)
class AblationCell:
    """One number of an ablation."""

    value: str
    interval: str
    paper: str  # the paper's, of other people and by other engines; empty where it has none
    moved: bool  # the metric that this ablation should make worse


@dataclass(frozen=True)
class AblationRow:
    """One ablation, run here or only in the paper."""

    title: str
    description: str
    cells: Sequence[AblationCell]
    verdict: str  # in words, on the metric that it should make worse
    holds: bool | None  # whether the full model is surely better; None: not sure
    difference: str  # full − ablated on that metric
    ours: bool


@dataclass(frozen=True)
class AblationTable:
    """All ablations."""

    metrics: Sequence[Metric]
    rows: Sequence[AblationRow]
    tests: Sequence[str]  # that they were scored on

    @property
    def has_ours(self) -> bool:
        """Whether any was run."""
        return any(row.ours for row in self.rows)


def ablation_table(results: Sequence[Result]) -> AblationTable:
    """Give the paper's rows with this run's numbers, then this run's own ablations."""
    moved = [str(result["moves"]) for result in results if result.get("moves")]
    measured = {key for result in results for key in result.get("metrics") or {}}
    own = [key for key in dict.fromkeys(moved) if key in measured and key not in TABLE_5_METRICS and key in BY_KEY]
    metrics = (*TABLE_5_METRICS, *own)
    of_paper = {str(result["paper"]): result for result in results if result.get("paper")}
    rows = [_row(of_paper.get(row.method), row.method, metrics) for row in TABLE_5]
    rows += [_row(result, None, metrics) for result in results if not result.get("paper")]
    tests = dict.fromkeys(str(test.get("test", test["clip"])) for result in results for test in result.get("tests", ()))
    return AblationTable([BY_KEY[key] for key in metrics], rows, list(tests))


def _row(result: Result | None, paper: str | None, metrics: Sequence[str]) -> AblationRow:
    found = result or {}
    measured, moves = found.get("metrics") or {}, found.get("moves")
    cells = []
    for key in metrics:
        one, decimals = measured.get(key) or {}, BY_KEY[key].decimals
        beside = printed(TABLE_5, paper, key) if paper else None
        interval = interval_text((one.get("low"), one.get("high")), decimals)
        cells.append(AblationCell(number(one.get("mean"), decimals), interval, beside or "", key == moves))
    words, holds = _VERDICTS.get(str(found.get("verdict")), ("", None))
    if result is None:
        words = "not run here"
    title = str(found.get("title") or paper)
    description = str(found.get("description") or "")
    if result is not None and paper == _FULL:
        words, description = "", ""
    if found.get("current") is False:
        words = f"{words} (out of date: `emotag ablate` runs it again)".strip()
    return AblationRow(title, description, cells, words, holds, _difference(found), result is not None)


def _difference(result: Result) -> str:
    moves = result.get("moves")
    one = (result.get("difference") or {}).get(moves) if moves else None
    if not one or one.get("mean") is None or moves not in BY_KEY:
        return ""
    metric = BY_KEY[moves]
    interval = interval_text((one.get("low"), one.get("high")), metric.decimals)
    return f"{metric.label}, full − ablated: {number(one['mean'], metric.decimals)} {interval}".strip()
