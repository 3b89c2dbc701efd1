from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emotag.engines import require_same
from emotag.errors import InputError
from emotag.features import join_tables, read_features
from emotag.tables import frame_table, write_table
from emotag.vocabulary import ACTION_UNITS, EMOTIONS, au_column

ROWS = 5


def tables(rows: int = ROWS, **changes: dict[str, Any]) -> dict[str, pa.Table]:
    valid = np.ones(rows, bool)
    track = {name: np.zeros((rows, width)) for name, width in (("rotation", 3), ("translation", 3), ("neck_pose", 3))}
    track |= {"jaw_pose": np.zeros((rows, 3)), "eyes_pose": np.zeros((rows, 6)), "expression": np.zeros((rows, 4))}
    track |= {"shape": np.zeros((rows, 2)), "focal_length": np.full(rows, 2.0), "reprojection_px": np.ones(rows)}
    content: dict[str, dict[str, Any]] = {
        "track": track | {"valid": valid},
        "action_units": {au_column(unit): np.ones(rows) for unit in ACTION_UNITS} | {"valid": valid},
        "emotion": {f"p_{name}": np.full(rows, 1 / 7) for name in EMOTIONS}
        | {"e": np.full(rows, 6 / 7), "valid": valid},
        "audio": {
            "audio": np.zeros((rows, 6)), "f0_hz": np.zeros(rows), "voiced": valid, "energy_db": np.zeros(rows),
            "phone": ["SIL"] * rows,
        },
    }  # fmt: skip
    for stage, columns in changes.items():
        content[stage] = content[stage] | columns
    return {stage: frame_table("ada-adapt", columns) for stage, columns in content.items()}


def test_join_keeps_one_row_per_frame_with_flags() -> None:
    joined = join_tables("ada-adapt", "ada", tables())
    assert joined.num_rows == ROWS
    assert joined["identity"].unique().to_pylist() == ["ada"]
    assert {"valid_track", "valid_action_units", "valid_emotion", "AU45_r", "p_neutral", "audio"} <= set(
        joined.column_names
    )


def test_tables_of_different_length_are_refused() -> None:
    mixed = tables() | {"audio": tables(ROWS + 1)["audio"]}
    with pytest.raises(InputError, match=r"disagree in length \(track 5, action_units 5, emotion 5, audio 6 rows\)"):
        join_tables("ada-adapt", "ada", mixed)


def test_values_out_of_range_are_refused_with_their_frame() -> None:
    bad = np.ones(ROWS)
    bad[3] = 7
    with pytest.raises(InputError, match="frame 3: AU12_r of stage action_units is outside"):
        join_tables("ada-adapt", "ada", tables(action_units={"AU12_r": bad}))
    pose = np.zeros((ROWS, 3))
    pose[2, 1] = np.inf
    with pytest.raises(InputError, match="frame 2: jaw_pose"):
        join_tables("ada-adapt", "ada", tables(track={"jaw_pose": pose}))


def test_missing_column_and_wrong_type_are_refused() -> None:
    made = tables()
    made["emotion"] = made["emotion"].drop_columns(["e"])
    with pytest.raises(InputError, match="stage emotion has no column e"):
        join_tables("ada-adapt", "ada", made)
    with pytest.raises(InputError, match="column jaw_pose of stage track is float, expected list"):
        join_tables("ada-adapt", "ada", tables(track={"jaw_pose": np.zeros(ROWS)}))


def test_store_reads_by_clip_and_identity(tmp_path: Path) -> None:
    for clip, identity in (("ada-adapt", "ada"), ("bob", "bob")):
        write_table(tmp_path / f"{clip}.parquet", join_tables(clip, identity, tables()), {})
    assert len(read_features(tmp_path)) == 2 * ROWS
    ada = read_features(tmp_path, identities=["ada"], columns=["identity", "clip", "frame", "e"])
    assert list(ada.columns) == ["identity", "clip", "frame", "e"]
    assert set(ada["identity"]) == {"ada"}
    assert ada["frame"].tolist() == list(range(ROWS))
    assert len(read_features(tmp_path, clips=["nobody"])) == 0
    with pytest.raises(InputError, match="holds no feature tables"):
        read_features(tmp_path / "empty")


def test_engines_are_never_mixed() -> None:
    same = {"engine": "open", "version": "1"}
    require_same("audio", {"a": same, "b": dict(same)})
    with pytest.raises(InputError, match="clip a was made by 'open 1' and clip b by 'wav2vec2 1 9f86'"):
        require_same("audio", {"a": same, "b": {"engine": "wav2vec2", "version": "1", "weights": "9f86"}})
