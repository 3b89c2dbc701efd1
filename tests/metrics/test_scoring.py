"""The engines of an evaluation: one rest for all versions, and words for what is not there."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emotag.metrics.engines import Unmeasured
from emotag.metrics.sync_score import SyncScore
from emotag.perception.action_units.protocol import COLUMNS, ActionUnitSettings, FaceClip, Levels
from stages.scoring import TRUTH, Scorer, _action_units

FRAMES = 6


class Units:
    """An engine that reads the clip's name as its level, and its rest off whatever clip it is given."""

    name, version, weights, above_rest = "stand-in", "7", "abc", True

    def read(self, clip: FaceClip) -> Levels:
        values = np.full((FRAMES, len(COLUMNS)), float(clip.name))
        values[~clip.valid] = np.nan
        return Levels(values, False)

    def neutral(self, clips: list[Levels]) -> np.ndarray:
        return np.nanmean([np.nanmean(one.values, axis=0) for one in clips], axis=0)

    def intensities(self, levels: Levels, neutral: np.ndarray | None = None) -> np.ndarray:
        assert neutral is not None
        return levels.values - neutral


def face(level: str, seen: int = FRAMES) -> FaceClip:
    valid = np.arange(FRAMES) < seen
    return FaceClip(level, Path(), np.zeros((FRAMES, 468, 3)), valid, lambda: iter(()))


def scorer(units, sync, perceptual) -> Scorer:
    return Scorer(None, None, None, units, sync, perceptual, None)  # type: ignore[arg-type]


def test_every_version_stands_above_the_true_persons_rest() -> None:
    made = scorer(Units(), Unmeasured("lacks it"), Unmeasured("lacks it"))
    found = made._units({TRUTH: face("2"), "avatar": face("5", seen=4)})
    units, valid = found["avatar"]
    assert set(units) == set(COLUMNS) and valid.tolist() == [True] * 4 + [False] * 2
    np.testing.assert_array_equal(units["AU12_r"], [3, 3, 3, 3, np.nan, np.nan])
    assert found[TRUTH][1].all() and not np.any(found[TRUTH][0]["AU12_r"])


def test_units_that_cannot_be_read_have_no_number() -> None:
    settings = ActionUnitSettings.model_validate({"engine": "openface", "openface": {"tables": "somewhere"}})
    units = _action_units(settings)
    assert isinstance(units, Unmeasured) and "none of renders" in units.reason
    made = scorer(units, Unmeasured("lacks it"), Unmeasured("lacks it"))
    columns, valid = made._units({TRUTH: face("2")})[TRUTH]
    assert not valid.any() and np.isnan(columns["AU12_r"]).all() and len(columns["AU12_r"]) == FRAMES
    assert set(made.lacking({})) == {"AUE", "LPIPS", "Sync"}


def test_the_default_engine_is_the_settings() -> None:
    assert getattr(_action_units(ActionUnitSettings()), "name", "") == "open"


@pytest.mark.parametrize("blind", [True, False])
def test_what_measured_and_what_did_not(blind: bool) -> None:
    sync = SimpleNamespace(engine="syncnet", version="2", weights="def")
    made = scorer(Units(), sync, Unmeasured("lacks AlexNet"))
    score = None if blind else SyncScore(1.0, 2.0, 0, np.zeros(FRAMES), np.zeros(31))
    told = made.lacking({TRUTH: SimpleNamespace(sync=score)})  # type: ignore[dict-item]
    assert told.pop("LPIPS") == "lacks AlexNet"
    assert told == ({"Sync": "no face, or fewer than six frames, in truth"} if blind else {})
    assert made.engines() == {
        "action_units": {"engine": "stand-in", "version": "7", "weights": "abc"},
        "sync": {"engine": "syncnet", "version": "2", "weights": "def"},
    }
