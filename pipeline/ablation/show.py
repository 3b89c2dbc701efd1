"""The table of ablations beside the paper's, on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from emotag.metrics.catalogue import BY_KEY
from emotag.report.paper import TABLE_5, TABLE_5_METRICS, printed
from pipeline.ablation.known import FULL

WORDS = {
    "better": "the full model is better",
    "ahead": "the full model is better, but the intervals overlap",
    "behind": "the full model is not better (the intervals overlap)",
    "worse": "the full model is WORSE",
    "unmeasured": "not measured",
}
"""What a verdict means."""

_LINE = 200  # columns, where nobody says how wide the terminal is


def show(results: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Print a row a result, the full model's first: pooled mean and 95 % interval, the paper's number below."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(width=_LINE)
    metrics = [metric for metric in _columns(results) if any(metric in result["metrics"] for result in results)]
    table = Table(title="Ablations (95 % intervals over all tests' frames; in brackets the paper's Table 5)",
                  title_justify="left", box=box.SIMPLE_HEAD)  # fmt: skip
    table.add_column("")
    for metric in metrics:
        table.add_column(f"{BY_KEY[metric].label} {'↑' if BY_KEY[metric].higher_is_better else '↓'}", justify="right")
    table.add_column("on what it should move")
    for result in results:
        cells = [_cell(result, metric) for metric in metrics]
        table.add_row(result["title"], *cells, _said(result))
    console.print(table)
    missing = [BY_KEY[metric].label for metric in TABLE_5_METRICS if metric not in metrics]
    if missing:
        console.print(f"Not measured here: {', '.join(missing)} (docs/engines/metrics.md).")


def _columns(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the paper's columns, and those that some ablation should move."""
    moved = (result["moves"] for result in results if result["moves"])
    return list(dict.fromkeys([*TABLE_5_METRICS, *moved]))


def _cell(result: Mapping[str, Any], metric: str) -> str:
    decimals = BY_KEY[metric].decimals
    found = result["metrics"].get(metric)
    shown = "–"
    if found is not None and found["mean"] is not None:
        shown = f"{found['mean']:.{decimals}f}"
        if found["low"] is not None:
            shown += f" \\[{found['low']:.{decimals}f}, {found['high']:.{decimals}f}]"
    paper = printed(TABLE_5, result["paper"], metric) if result["paper"] else None
    return f"{shown} ({paper})" if paper else shown


def _said(result: Mapping[str, Any]) -> str:
    if result["name"] == FULL:
        return ""
    apart = result["difference"].get(result["moves"])
    text = f"{BY_KEY[result['moves']].label}: {WORDS[result['verdict']]}"
    if apart and apart["low"] is not None and result["verdict"] in ("ahead", "behind"):
        same = apart["low"] <= 0 <= apart["high"]
        text += "; frame by frame " + ("too close to tell" if same else "the difference is sure")
    return text
