"""What an ablation gave, beside the full model: `reports/ablations/<name>.json`.

    {"name", "title", "description", "paper": row of Table 5 or null, "moves": metric, "changes": {setting: value},
     "experiment": name for `dvc exp`, "key": digest of all that the result follows from, "created": ISO time,
     "seconds": of the whole run or null, "current": false once something that it follows from has changed,
     "tests": [{"test", "clip", "frames", "metrics", …}],  as in reports/metrics/<test>.json
     "metrics":    {metric: {"mean", "low", "high", "frames"}},  pooled over the tests, 95 % bootstrap intervals
     "full":       {metric: the same},   of the full model on the same tests
     "difference": {metric: the same},   full − ablated, both drawn at the same frames
     "verdicts":   {metric: verdict},
     "verdict":    that of `moves`,
     "training":   {identity: {"seconds", "frames_seen", "device"}}}

A verdict says how the full model does: "better" or "worse" when the two intervals do not overlap, "ahead" or "behind"
when they do, "unmeasured" where either has none. `full.json` is the full model's own row (no changes; difference,
verdicts and verdict empty or null). The frames are kept as `reports/ablations/<name>/<test>.parquet`.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from emotag.errors import InputError
from emotag.files import atomic, read_json, write_json
from emotag.metrics.catalogue import BY_KEY
from emotag.metrics.intervals import Interval, difference, pooled
from emotag.metrics.statistics import STATISTICS
from emotag.tables import read_table
from pipeline.ablation.experiment import experiment_name
from pipeline.ablation.known import FULL, Ablation
from stages.results import MetricsFile, numeric_columns
from stages.scoreboard import interval_json

FOLDER = Path("reports") / "ablations"
FULL_ABLATION = Ablation.model_construct(
    title="full", description="Nothing is changed.", paper="full", moves="", changes={}
)


def key_of(lock: Mapping[str, Any], stages: Sequence[str], changes: Mapping[str, Any]) -> str:
    """Name what a result follows from: the stages' commands, settings and inputs as dvc.lock has them, and the changes.

    What the stages themselves write is left out: the full model's weights say nothing of the ablated one's.
    """
    written = {out["path"] for stage in stages for out in lock[stage].get("outs", ())}
    entries = {}
    for stage in stages:
        entry = lock[stage]
        inputs = {dep["path"]: dep.get("md5") for dep in entry.get("deps", ()) if dep["path"] not in written}
        entries[stage] = [entry.get("cmd"), inputs, entry.get("params", {})]
    content = json.dumps([entries, dict(changes)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def is_current(root: Path, name: str, key: str) -> bool:
    """Say whether the ablation's result is there, whole, and of this key."""
    path = root / FOLDER / f"{name}.json"
    if not path.is_file():
        return False
    content = read_json(path)
    tests = [test["test"] for test in content.get("tests", ())]
    return content.get("key") == key and all((_frames(root, name, test)).is_file() for test in tests)


def mark(root: Path, keys: Mapping[str, str]) -> None:
    """Write into every result whether it is current; `keys` are those of today. What is no ablation any more is not."""
    for path in sorted((root / FOLDER).glob("*.json")):
        content = read_json(path)
        current = path.stem in keys and is_current(root, path.stem, keys[path.stem])
        if content.get("current") != current:
            write_json(path, content | {"current": current})


def collect(source: Path, root: Path, name: str, tests: Sequence[str]) -> list[dict[str, Any]]:
    """Copy the tests' frames out of the workspace `source`; give the entries of its metrics files.

    Raises InputError when one is missing.
    """
    entries = []
    for test in tests:
        path = source / "reports" / "metrics" / f"{test}.json"
        metrics = MetricsFile(path, read_json(path))
        more = {"training": metrics.content.get("training"), "identity": metrics.identity}
        entries += [{"test": metrics.name(entry)} | dict(entry) | more for entry in metrics.entries]
        frames = source / "reports" / "frames" / f"{test}.parquet"
        if not frames.is_file():
            raise InputError(f"{frames}: not found; run `dvc repro evaluate@{test}`")
        with atomic(_frames(root, name, test)) as partial:
            shutil.copyfile(frames, partial)
    return entries


def write_result(
    root: Path,
    name: str,
    ablation: Ablation,
    changes: Mapping[str, Any],
    key: str,
    entries: Sequence[Mapping[str, Any]],  # of `collect`
    seconds: float | None,
) -> None:
    """Write the JSON of a result whose frames are there, without the comparison that `compare` adds."""
    content: dict[str, Any] = {
        "name": name,
        "title": ablation.title,
        "description": ablation.description,
        "paper": ablation.paper,
        "moves": ablation.moves or None,
        "changes": dict(changes),
        "experiment": None if name == FULL else experiment_name(name),
        "key": key,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seconds": seconds,
        "current": True,
        "tests": [{k: v for k, v in entry.items() if k not in ("training", "identity")} for entry in entries],
        "training": {entry["identity"]: entry["training"] for entry in entries},
    }
    write_json(root / FOLDER / f"{name}.json", content)


def compare(root: Path, name: str) -> dict[str, Any]:
    """Pool a result over its tests, compare it with the full model's, write that into its JSON, and give it."""
    path = root / FOLDER / f"{name}.json"
    content: dict[str, Any] = read_json(path)
    tests = [test["test"] for test in content["tests"]]
    own, full = ([numeric_columns(read_table(_frames(root, one, test))) for test in tests] for one in (name, FULL))
    metrics = {metric: pooled(own, metric) for metric in STATISTICS}
    reference = {metric: pooled(full, metric) for metric in STATISTICS}
    content |= {"metrics": interval_json(metrics), "full": interval_json(reference)}
    if name == FULL:
        content |= {"difference": {}, "verdicts": {}, "verdict": None}
    else:
        verdicts = {
            metric: verdict(metric, reference[metric], metrics[metric]) for metric in STATISTICS if metric in BY_KEY
        }
        content |= {
            "difference": interval_json({metric: difference(full, own, metric) for metric in STATISTICS}),
            "verdicts": verdicts,
            "verdict": verdicts.get(content["moves"], "unmeasured"),
        }
    write_json(path, content)
    return content


def verdict(metric: str, full: Interval, ablated: Interval) -> str:
    """Say how the full model does on a metric (see the module's docstring)."""
    higher = BY_KEY[metric].higher_is_better
    ends = (full.low, full.high, ablated.low, ablated.high)
    if higher is None or not all(map(math.isfinite, ends)):
        return "unmeasured"
    apart = full.low > ablated.high or ablated.low > full.high
    if (full.mean > ablated.mean) == higher:
        return "better" if apart else "ahead"
    return "worse" if apart else "behind"


def _frames(root: Path, name: str, test: str) -> Path:
    return root / FOLDER / name / f"{test}.parquet"
