from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.tables import column, frame_table, read_metadata, read_table, write_table


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
