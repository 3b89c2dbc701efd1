from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emotag.errors import InputError
from emotag.tables import column, frame_table, numbers, read_metadata, read_table, strings, to_numpy, write_table


def test_round_trip(tmp_path: Path) -> None:
    points = np.arange(24, dtype=np.float64).reshape(4, 3, 2)
    table = frame_table(
        "ada", {"points": points, "e": np.linspace(0, 1, 4), "valid": np.ones(4, bool), "phone": ["AA", None, "B", ""]}
    )
    write_table(tmp_path / "t.parquet", table, {"engine": "x", "version": "1"})
    back = read_table(tmp_path / "t.parquet")
    assert read_metadata(tmp_path / "t.parquet") == {"engine": "x", "version": "1"}
    np.testing.assert_array_equal(column(back, "points"), points.reshape(4, 6))
    assert column(back, "frame").tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(column(back, "time_s"), [0, 0.04, 0.08, 0.12])
    assert column(back, "valid").dtype == bool
    assert back["phone"].to_pylist() == ["AA", None, "B", ""]
    assert column(back, "e").dtype == np.float32


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="disagree"):
        frame_table("ada", {"a": np.zeros(3), "b": np.zeros(4)})


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.parquet: not found"):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"t\.parquet: not a Parquet"):
        read_table(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="no column 'z'"):
        column(frame_table("ada", {"a": np.zeros(3)}), "z")


@pytest.mark.parametrize("dtype", [bool, np.int32, np.int64, np.uint8, np.float32, np.float64])
def test_arrays_keep_type_and_values(dtype: type) -> None:
    values = (np.arange(37) % 3).astype(dtype)
    made = numbers(values)
    assert made.equals(pa.array(values)) and made.null_count == 0
    back = to_numpy(made)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)
    np.testing.assert_array_equal(to_numpy(made[5:20]), values[5:20])
    np.testing.assert_array_equal(to_numpy(pa.chunked_array([made[:9], made[30:]])), np.r_[values[:9], values[30:]])
    assert to_numpy(made[:0]).dtype == dtype and len(to_numpy(made[:0])) == 0


def test_nan_is_not_null() -> None:
    made = numbers(np.array([1.0, np.nan, np.inf]))
    assert made.null_count == 0 and np.isnan(to_numpy(made)[1])


def test_lists_are_rows() -> None:
    made = pa.FixedSizeListArray.from_arrays(numbers(np.arange(12, dtype=np.float32)), 3)
    np.testing.assert_array_equal(to_numpy(made[1:3]), [[3, 4, 5], [6, 7, 8]])
    assert to_numpy(made[:0]).shape == (0, 3)


def test_strings_are_what_arrow_would_make() -> None:
    values = ["AA", None, "", "Zürich", "日本"]
    assert strings(values).equals(pa.array(values, pa.string()))
    assert len(strings([])) == 0


def test_what_is_read_can_be_written_to() -> None:
    back = column(frame_table("ada", {"a": np.zeros(3)}), "a")
    back[0] = 1.0
    assert back.tolist() == [1, 0, 0]
