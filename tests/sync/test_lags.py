import numpy as np
import pytest

from emotag.sync.lag import NO_LAG, Lag, measure
from emotag.sync.settings import SyncSettings
from emotag.sync.together import fit_together
from emotag.tables import FPS
from tests.sync.speakers import speaker

SETTINGS = SyncSettings()
HALF_A_FRAME = 0.5 / FPS


def corpus(lags: list[float]) -> list[list]:
    return [[speaker(f"p{i}", i, lag)] for i, lag in enumerate(lags)]


def test_clips_that_stand_apart_are_found_and_the_others_left_alone() -> None:
    true = [0.0, 0.0, 3.0, 0.0, -2.5, 0.0]
    _, found = fit_together(corpus(true), SETTINGS)
    for lag, frames in zip(found, true, strict=True):
        assert lag[0].seconds == pytest.approx(frames / FPS, abs=HALF_A_FRAME)
        assert frames != 0 or lag[0].seconds == 0.0  # left exactly as it is
    assert found[2][0].correlation > found[2][0].unshifted + 0.2


def test_a_corpus_in_time_is_not_touched() -> None:
    _, found = fit_together(corpus([0.0] * 5), SETTINGS)
    assert [lag.seconds for row in found for lag in row] == [0.0] * 5


def test_what_most_clips_have_counts_as_none() -> None:
    _, found = fit_together(corpus([2.0, 2.0, 2.0, 2.0, 5.0]), SETTINGS)
    seconds = [row[0].seconds for row in found]
    assert seconds[:4] == [0.0] * 4 and seconds[4] == pytest.approx(3 / FPS, abs=HALF_A_FRAME)


def test_a_minority_does_not_move_the_origin() -> None:
    true = [0.0, 0.0, 0.0, 0.0, 2.5, 3.0, 4.0]
    _, found = fit_together(corpus(true), SETTINGS)
    for lag, frames in zip(found, true, strict=True):
        assert lag[0].seconds == pytest.approx(frames / FPS, abs=HALF_A_FRAME)
    assert [row[0].seconds for row in found[:4]] == [0.0] * 4


@pytest.mark.parametrize("frames", [-4.0, 0.0, 1.6, 5.0])
def test_five_seconds_of_a_new_person_are_enough(frames: float) -> None:
    predictor, _ = fit_together(corpus([0.0, 0.0, 3.0, 0.0]), SETTINGS)
    found = measure(predictor, speaker("new", 50, frames, frames=125), SETTINGS)
    assert found.seconds == pytest.approx(frames / FPS, abs=HALF_A_FRAME)


def test_the_clips_of_one_person_have_each_their_own_lag() -> None:
    people = corpus([0.0, 0.0, 0.0])
    people.append([speaker("late", 7, 3.0), speaker("in-time", 8, 0.0)])
    _, found = fit_together(people, SETTINGS)
    assert found[3][0].seconds == pytest.approx(3 / FPS, abs=HALF_A_FRAME) and found[3][1].seconds == 0.0


def test_sound_that_says_nothing_of_the_mouth_moves_nothing() -> None:
    people = [*corpus([0.0, 0.0, 0.0]), [speaker("song", 9, 3.0, sound=0.0)]]
    predictor, found = fit_together(people, SETTINGS)
    assert found[3][0].seconds == 0.0 and found[3][0].correlation < SETTINGS.correlation
    still = speaker("still", 10, frames=60)
    still.opening[:] = 0.01
    silent = speaker("silent", 11, frames=60)
    silent.audio[:] = 0.0
    for clip in (still, silent):
        assert measure(predictor, clip, SETTINGS).seconds == 0.0


def test_a_lag_beyond_the_search_is_no_lag() -> None:
    predictor, _ = fit_together(corpus([0.0] * 4), SETTINGS)
    near = SyncSettings(most_s=0.08)
    found = measure(predictor, speaker("far", 12, 6.0), near)
    assert found.seconds == 0.0 and found.best_s == pytest.approx(near.most_s)
    assert measure(predictor, speaker("far", 12, 6.0), SETTINGS).seconds == pytest.approx(6 / FPS, abs=HALF_A_FRAME)


def test_a_gain_too_small_is_not_taken() -> None:
    predictor, _ = fit_together(corpus([0.0] * 4), SETTINGS)
    clip = speaker("new", 13, 2.0)
    found = measure(predictor, clip, SETTINGS)
    wary = SETTINGS.model_copy(update={"gain": found.correlation - found.unshifted + 0.01})
    assert found.seconds > 0 and measure(predictor, clip, wary).seconds == 0.0
    far = SETTINGS.model_copy(update={"gain_per_s": (found.correlation - found.unshifted) / found.seconds + 0.1})
    assert measure(predictor, clip, far).seconds == 0.0
    strict = SETTINGS.model_copy(update={"correlation": found.correlation + 0.01})
    assert measure(predictor, clip, strict).seconds == 0.0


def test_frames_without_a_face_say_nothing() -> None:
    people = corpus([0.0, 0.0, 0.0])
    lost = speaker("lost", 14, 3.0, unseen=slice(40, 90))
    predictor, found = fit_together([*people, [lost]], SETTINGS)
    assert found[3][0].seconds == pytest.approx(3 / FPS, abs=HALF_A_FRAME)
    lost.opening[40:90] = -5.0
    assert fit_together([*people, [lost]], SETTINGS)[1] == found
    nobody = speaker("nobody", 15, unseen=slice(None))
    blind = measure(predictor, nobody, SETTINGS)
    assert (blind.seconds, blind.correlation) == (0.0, 0.0)


def test_a_silent_corpus_has_no_lags() -> None:
    people = corpus([0.0, 2.0])
    for row in people:
        row[0].audio[:] = 0.0
    predictor, found = fit_together(people, SETTINGS)
    assert [row[0].seconds for row in found] == [0.0, 0.0] and not predictor.weights.any()
    people[0] = [speaker("heard", 1)]
    assert fit_together(people, SETTINGS)[1][0][0].seconds == 0.0  # judged by one who is silent


def test_one_person_alone_has_no_lag_but_teaches() -> None:
    predictor, found = fit_together([[speaker("p0", 0)]], SETTINGS)
    assert found == [[NO_LAG]]
    assert measure(predictor, speaker("new", 3, 3.0), SETTINGS).seconds == pytest.approx(3 / FPS, abs=HALF_A_FRAME)
    with pytest.raises(ValueError, match="nobody"):
        fit_together([], SETTINGS)


def test_more_people_than_folds_are_judged_by_others() -> None:
    true = [0.0] * 9 + [3.0]
    _, found = fit_together(corpus(true), SyncSettings(components=8, rounds=3))
    assert [round(row[0].seconds * FPS) for row in found] == true


def test_lags_say_in_words_what_they_are() -> None:
    assert Lag(0.08, 0.08, 0.66, 0.31).says() == "80 ms after the picture (r 0.31 → 0.66)"
    assert Lag(-0.08, -0.08, 0.66, 0.31).says() == "80 ms before the picture (r 0.31 → 0.66)"
    assert Lag(0.0, 0.01, 0.66, 0.65).says() == "in time as the file has it (r 0.65)"
    assert np.isclose(Lag(0.08, 0.08, 0.6, 0.3).frames, 2.0)
