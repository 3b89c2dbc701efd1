"""The engines of an evaluation: one rest for all versions, and words for what is not there."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.metrics.engines import Unmeasured
from emotag.metrics.sync_score import SyncScore
from emotag.perception.action_units.protocol import COLUMNS, ActionUnitSettings, FaceClip, Levels
from emotag.perception.emotion.protocol import Sources
from stages.known import Known
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


class Teacher:
    """Says how high AU12 stands as every emotion's share; 7 where it looks at pictures."""

    name, version, weights = "teacher", "1", ""

    def __init__(self, looks: bool = False) -> None:
        self.looks = looks

    def read(self, sources: Sources) -> np.ndarray:
        units = np.full((FRAMES, 17), 7.0) if self.looks else sources.action_units()
        return np.repeat(units[:, [AU12]], 7, axis=1)


AU12 = COLUMNS.index("AU12_r")
IDENTITY = SimpleNamespace(name="descriptor", version="1", weights="")


def scorer(units, sync, perceptual, emotion=None) -> Scorer:
    teacher = emotion or Teacher()
    return Scorer(None, None, None, units, teacher, IDENTITY, sync, perceptual, None)  # type: ignore[arg-type]


def clips() -> dict[str, FaceClip]:
    return {TRUTH: face("2"), "avatar": face("5", seen=4)}


def known(rest: float | None = 1.5) -> Known:
    """The truth's tables: 0.5 above the person's rest."""
    points, valid = np.zeros((FRAMES, 468, 3)), np.ones(FRAMES, bool)
    level = None if rest is None else np.full(17, rest)
    return Known(points, valid, np.full((FRAMES, 17), 0.5), level, np.full((FRAMES, 7), 1 / 7))


def test_every_version_stands_above_the_true_persons_rest() -> None:
    made = scorer(Units(), Unmeasured("lacks it"), Unmeasured("lacks it"))
    found = made._units(clips(), None)
    np.testing.assert_array_equal(found["avatar"][:, AU12], [3, 3, 3, 3, np.nan, np.nan])
    assert not found[TRUTH].any()
    assert not made._emotions(clips(), found, None)[TRUTH].any()


def test_what_is_known_of_the_truth_is_taken_from_its_tables() -> None:
    made = scorer(Units(), Unmeasured("lacks it"), Unmeasured("lacks it"), Teacher(looks=True))
    found = made._units(clips(), known())
    assert np.all(found[TRUTH] == 0.5) and np.nanmax(found["avatar"]) == 3.5
    emotions = made._emotions(clips(), found, known())
    assert np.all(emotions[TRUTH] == 1 / 7) and np.all(emotions["avatar"] == 7)


def test_a_teacher_of_action_units_reads_them_above_the_persons_rest() -> None:
    made = scorer(Units(), Unmeasured("lacks it"), Unmeasured("lacks it"))
    truth = known(rest=0.25)
    found = made._units(clips(), truth)
    emotions = made._emotions(clips(), found, truth)
    assert np.all(emotions[TRUTH] == 1 / 7) and np.nanmax(emotions["avatar"]) == np.nanmax(found["avatar"]) == 4.75


def test_a_table_that_does_not_say_its_rest_is_refused() -> None:
    made = scorer(Units(), Unmeasured("lacks it"), Unmeasured("lacks it"))
    truth = known(rest=None)
    with pytest.raises(InputError, match="above which rest"):
        made._units(clips(), truth)


def test_units_that_cannot_be_read_have_no_number() -> None:
    settings = ActionUnitSettings.model_validate({"engine": "openface", "openface": {"tables": "somewhere"}})
    units = _action_units(settings)
    assert isinstance(units, Unmeasured) and "none of renders" in units.reason
    made = scorer(units, Unmeasured("lacks it"), Unmeasured("lacks it"))
    one = {TRUTH: face("2")}
    found = made._units(one, None)[TRUTH]
    assert np.isnan(found).all() and found.shape == (FRAMES, 17)
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
        "emotion": {"engine": "teacher", "version": "1"},
        "identity": {"engine": "descriptor", "version": "1"},
        "action_units": {"engine": "stand-in", "version": "7", "weights": "abc"},
        "sync": {"engine": "syncnet", "version": "2", "weights": "def"},
    }
