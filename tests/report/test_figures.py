import numpy as np
import pytest

from emotag.metrics.action_units import ALL_UNITS
from emotag.report.figures import comparable, frame_figures, same_frames
from emotag.report.unit_charts import unit_rows
from emotag.report.worst import pick_worst


def columns(**more) -> dict[str, np.ndarray]:
    wave = np.sin(np.arange(20) / 3)
    frames = {"time_s": np.arange(20) / 25, "mouth_opening": wave, "mouth_opening_truth": 2 * wave + 1}
    return frames | {name: wave for unit in ALL_UNITS for name in (unit, f"{unit}_truth")} | more


def titles(frames: dict[str, np.ndarray]) -> list[str]:
    return [figure.title for figure in frame_figures(frames)]


def test_charts_are_of_the_columns_that_are_there():
    assert titles(columns()) == ["Mouth opening"]
    assert "Emotion intensity in the pictures" in titles(columns(intensity=np.ones(20), intensity_truth=np.ones(20)))


def test_a_column_without_a_number_or_without_the_avatar_makes_none():
    assert titles(columns(psnr=np.full(20, np.nan))) == ["Mouth opening"]
    assert titles(columns(jitter_truth=np.ones(20))) == ["Mouth opening"]


def test_closures_are_marked_where_they_are_asked_for():
    closed = np.full(20, np.nan)
    closed[[3, 9, 15]] = 1, 0, 0
    (figure,) = frame_figures(columns(closure_rate=closed))
    assert figure.chart.count('class="dot good"') == 1
    assert figure.chart.count('class="dot bad"') == 2
    assert (
        figure.note
        == "Correlation of avatar and truth: 1.00. The lips meet in 1 of 3 bilabials in which the true ones do."
    )
    (without,) = frame_figures(columns(closure_rate=np.full(20, np.nan)))
    assert "bilabials" not in without.note


def test_the_upper_face_of_other_frames_is_not_compared():
    assert len(unit_rows(columns())) == len(ALL_UNITS)
    other = columns(same_frames=np.zeros(20, bool))
    assert not same_frames(other)
    assert [row.name for row in unit_rows(other)] == [
        "AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26",
    ]  # fmt: skip


def test_frames_of_other_moments_have_no_errors():
    of_truth = {"lmd": np.ones(20), "lmd_frozen": np.ones(20), "psnr": np.ones(20)}
    own = {"intensity": np.arange(20.0), "intensity_truth": np.arange(20.0)}
    other = columns(same_frames=np.zeros(20, bool), **of_truth, **own)
    assert titles(columns(**of_truth)) == ["PSNR per frame", "Mouth error (LMD) per frame", "Mouth opening"]
    assert titles(other) == ["Mouth opening", "Emotion intensity in the pictures"]
    assert frame_figures(other)[1].note == ""
    assert pick_worst(comparable(other), "lmd", 3, 1) == []


def test_a_units_number_is_its_mean_squared_error():
    frames = columns(AU12_r=np.full(20, 1.5), AU12_r_truth=np.where(np.arange(20) < 10, 1.0, np.nan))
    row = next(row for row in unit_rows(frames) if row.name == "AU12")
    assert row.error == pytest.approx(0.25)
