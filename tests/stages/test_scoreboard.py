"""The scores of a method: clips come together, one is replaced, engines are not mixed."""

from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.files import read_json
from emotag.matching.clock import Clocked
from emotag.media.video import write_video
from emotag.metrics.intervals import pooled
from stages.score import score
from stages.scoreboard import Scoreboard

ENGINES = {"action_units": {"engine": "open", "version": "1"}}


def columns(frames: int, level: float) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(frames).normal(size=frames)
    lmd = np.where(noise > 2, np.nan, 2 + level + 0.1 * noise)
    return {"psnr": 30 - level + noise, "lmd": lmd, "valid": noise > 0}


def test_clips_come_together_and_one_is_replaced(tmp_path: Path) -> None:
    for name, frames, level in (("b", 60, 5.0), ("a", 100, 0.0), ("b", 80, 1.0)):
        Scoreboard(tmp_path, "GeneFace++", ENGINES).add(
            {"test": name, "clip": name, "was": frames}, columns(frames, level)
        )
    content = read_json(tmp_path / "GeneFace++.json")
    assert [(test["test"], test["was"]) for test in content["tests"]] == [("a", 100), ("b", 80)]
    assert content["method"] == "GeneFace++" and content["engines"] == ENGINES
    expected = pooled(
        [{k: v.astype(np.float32) for k, v in columns(*one).items()} for one in ((100, 0.0), (80, 1.0))], "lmd"
    )
    assert content["metrics"]["lmd"]["frames"] == expected.frames < 180
    np.testing.assert_allclose(content["metrics"]["lmd"]["mean"], expected.mean, rtol=1e-6)
    np.testing.assert_allclose(content["metrics"]["lmd"]["low"], expected.low, rtol=1e-6)
    assert set(content["metrics"]) == {"psnr", "lmd"}
    assert {file.name for file in (tmp_path / "GeneFace++").iterdir()} == {"a.parquet", "b.parquet"}


def test_other_engines_are_refused(tmp_path: Path) -> None:
    Scoreboard(tmp_path, "InsTaG", ENGINES).add({"test": "a"}, columns(50, 0))
    with pytest.raises(InputError, match=r"InsTaG\.json: its clips were measured by other engines"):
        Scoreboard(tmp_path, "InsTaG", ENGINES | {"lpips": {"engine": "alexnet", "version": "0.1"}})
    Scoreboard(tmp_path, "Other", {})
    (tmp_path / "InsTaG.json").write_text("[]")
    with pytest.raises(InputError, match="holds no 'tests'"):
        Scoreboard(tmp_path, "InsTaG", ENGINES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "a/b"}, "'a/b' cannot name a method"),
        ({"clip": "A B"}, "'A B' cannot name a clip"),
        ({"protocol": "other"}, "no protocol 'other'"),
        ({"emotion": "bored"}, "no emotion 'bored'"),
        ({"render": Path("large.mp4")}, "large.mp4: the render is 64×64, the truth 32×32"),
        ({"render": Path("short.mp4")}, "short.mp4: the render lasts 1.00 s"),
        ({"truth": Path("absent.mp4")}, "absent.mp4: not found"),
    ],
)
def test_bad_input_is_told_before_an_engine_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(
        "{pretrain: {frames: 1, static_frames: 0}, adapt: {frames: 1, static_frames: 0}}"
    )
    for name, side, frames in (("truth", 32, 50), ("large", 64, 50), ("short", 32, 25)):
        write_video(tmp_path / f"{name}.mp4", [np.full((side, side, 3), i, np.uint8) for i in range(frames)])
    assert Clocked.read(tmp_path / "truth.mp4").frames == 50
    given = {"method": "Any", "render": Path("truth.mp4"), "truth": Path("truth.mp4")} | changes
    with pytest.raises(InputError, match=words):
        score(**given)  # type: ignore[arg-type]
