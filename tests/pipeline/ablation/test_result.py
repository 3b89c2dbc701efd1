"""What an ablation's result says of the full model, and what makes it out of date."""

import copy
from pathlib import Path
from typing import Any

import pytest

from emotag.metrics.intervals import Interval
from pipeline.ablation.bench import link
from pipeline.ablation.result import key_of, verdict

LOCK: dict[str, Any] = {
    "pretrain": {"cmd": "p", "deps": [{"path": "data/corpus.json", "md5": "1"}], "params": {"params.yaml": {"a": 1}},
                 "outs": [{"path": "models/motion", "md5": "2"}]},
    "adapt@x": {"cmd": "a", "deps": [{"path": "models/motion", "md5": "2"}, {"path": "emotag/training", "md5": "3"}],
                "outs": [{"path": "models/avatars/x", "md5": "4"}]},
}  # fmt: skip
STAGES = ("pretrain", "adapt@x")


@pytest.mark.parametrize(
    ("metric", "full", "ablated", "said"),
    [
        ("lmd", (2.0, 1.9, 2.1), (2.5, 2.4, 2.6), "better"),
        ("lmd", (2.0, 1.8, 2.2), (2.1, 1.9, 2.3), "ahead"),
        ("lmd", (2.1, 1.9, 2.3), (2.0, 1.8, 2.2), "behind"),
        ("lmd", (2.5, 2.4, 2.6), (2.0, 1.9, 2.1), "worse"),
        ("psnr", (30.0, 29.0, 31.0), (27.0, 26.0, 28.0), "better"),
        ("psnr", (30.0, 29.0, 31.0), (33.0, 32.0, 34.0), "worse"),
        ("psnr", (30.0, float("nan"), float("nan")), (27.0, 26.0, 28.0), "unmeasured"),
        ("audio_correlation", (0.5, 0.4, 0.6), (0.9, 0.8, 1.0), "unmeasured"),  # neither way is better
    ],
)
def test_verdicts(metric: str, full: tuple[float, ...], ablated: tuple[float, ...], said: str) -> None:
    assert verdict(metric, Interval(*full, 100), Interval(*ablated, 100)) == said  # type: ignore[call-arg]


def test_a_key_follows_from_inputs_settings_and_changes_and_not_from_weights() -> None:
    key = key_of(LOCK, STAGES, {"motion.use_gate": False})
    assert key_of(copy.deepcopy(LOCK), STAGES, {"motion.use_gate": False}) == key

    def with_change(stage: str, part: str, index: int | str, name: str, value: Any) -> str:
        lock = copy.deepcopy(LOCK)
        lock[stage][part][index][name] = value
        return key_of(lock, STAGES, {"motion.use_gate": False})

    assert with_change("pretrain", "outs", 0, "md5", "9") == key
    assert with_change("adapt@x", "deps", 0, "md5", "9") == key  # the full model's motion network
    others = {
        key_of(LOCK, STAGES, {"motion.use_gate": True}),
        key_of(LOCK, STAGES[:1], {"motion.use_gate": False}),
        with_change("pretrain", "deps", 0, "md5", "9"),
        with_change("adapt@x", "deps", 1, "md5", "9"),
        with_change("pretrain", "params", "params.yaml", "a", 2),
    }
    assert len(others) == 5 and key not in others


def test_links_keep_what_is_linked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "file").write_text("kept")
    (source / "far").symlink_to(source / "deep" / "file")
    link(source, tmp_path / "target")
    assert (tmp_path / "target" / "deep" / "file").samefile(source / "deep" / "file")
    assert (tmp_path / "target" / "far").read_text() == "kept"
    (tmp_path / "target" / "far").unlink()
    replaced = tmp_path / "target" / "deep" / "file"
    replaced.with_suffix(".new").write_text("other")
    replaced.with_suffix(".new").replace(replaced)  # as emotag.files.atomic does
    assert (source / "deep" / "file").read_text() == "kept" and (source / "far").read_text() == "kept"
