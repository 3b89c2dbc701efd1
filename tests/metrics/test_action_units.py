import numpy as np
import pytest

from emotag.errors import InputError
from emotag.metrics.action_units import ALL_UNITS, LOWER_FACE, UPPER_FACE, action_unit_error


def table(value: float, frames: int = 4) -> dict[str, np.ndarray]:
    return {unit: np.full(frames, value) for unit in ALL_UNITS}


def test_sets_are_the_protocols():
    assert len(LOWER_FACE) == 9
    assert len(UPPER_FACE) == 8
    assert not set(LOWER_FACE) & set(UPPER_FACE)
    assert ALL_UNITS[0] == "AU01_r"
    assert ALL_UNITS[-1] == "AU45_r"


def test_sum_over_units_of_mean_squares():
    error = action_unit_error(table(1.0), table(1.5))
    assert error.lower == pytest.approx(9 * 0.25)
    assert error.upper == pytest.approx(8 * 0.25)


def test_mean_over_frames_of_one_unit():
    render = table(0.0)
    render["AU12_r"] = np.array([0.0, 1.0, 2.0, 3.0])
    error = action_unit_error(table(0.0), render)
    assert error.lower == pytest.approx((0 + 1 + 4 + 9) / 4)
    assert error.upper == 0
    assert error.per_unit["AU12_r"] == pytest.approx(3.5)


def test_only_valid_frames_count():
    render = table(0.0)
    render["AU45_r"] = np.array([0.0, 5.0, np.nan, 1.0])
    valid = np.array([True, False, True, True])
    assert action_unit_error(table(0.0), render, valid).upper == pytest.approx(0.5)
    assert np.isnan(action_unit_error(table(0.0), render, np.zeros(4, bool)).lower)


def test_exception_on_a_missing_column():
    incomplete = table(0.0)
    del incomplete["AU17_r"]
    with pytest.raises(InputError, match="AU17_r"):
        action_unit_error(table(0.0), incomplete)


def test_exception_on_length():
    with pytest.raises(ValueError, match="length"):
        action_unit_error(table(0.0), table(0.0, frames=5))
