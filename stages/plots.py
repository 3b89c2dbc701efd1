"""Stage `plots`: what `dvc metrics` and `dvc plots` show, as small flat files."""

from emotag.files import atomic, write_json
from emotag.progress import summary
from emotag.report.data import TrainingLog
from emotag.report.flat import flat_metrics, frame_rows, to_tsv, training_rows
from stages.results import metrics_files, test_results, training_log
from stages.run import run
from stages.workspace import Workspace

PRETRAINING = "pretraining"
"""Name of the motion network's curves; an avatar's bear its identity."""


def plots() -> None:
    """Write reports/summary/<test>.json and reports/plots/{training,frames}.tsv."""
    workspace = Workspace()
    tests = []
    for metrics in metrics_files(workspace.reports / "metrics"):
        for test in test_results(workspace, metrics):
            tests.append(test)
            flat = flat_metrics(test, metrics.content.get("training") or {})
            write_json(workspace.reports / "summary" / f"{test.name}.json", flat)
    logs = _logs(workspace)
    folder = workspace.reports / "plots"
    for name, rows in (("training", training_rows(logs)), ("frames", frame_rows(tests))):
        with atomic(folder / f"{name}.tsv") as partial:
            partial.write_text(to_tsv(rows), encoding="utf-8")
    summary("plots", [("tests", len(tests)), ("training logs", ", ".join(logs) or "none"), ("folder", folder)])


def _logs(workspace: Workspace) -> dict[str, TrainingLog]:
    files = {PRETRAINING: workspace.motion / "log.parquet"}
    files |= {file.parent.name: file for file in sorted(workspace.avatar("x").parent.glob("*/log.parquet"))}
    return {name: log for name, file in files.items() if (log := training_log(file))}


if __name__ == "__main__":
    run(plots)
