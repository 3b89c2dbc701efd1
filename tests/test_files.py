from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from emotag.errors import InputError
from emotag.files import atomic, read_json, sha256, write_json
from emotag.media.video import encode_video


def save_table(path: Path) -> None:
    parquet.write_table(pyarrow.table({"x": range(100_000)}), path)


def encode(path: Path) -> None:
    encode_video(path, np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), np.uint8))


def test_atomic_leaves_nothing_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with pytest.raises(RuntimeError), atomic(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert list(target.parent.iterdir()) == []


def test_atomic_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("write", [lambda full: full.write_text("much"), save_table, encode])
def test_a_full_disk_is_one_line(tmp_path: Path, write: Callable[[Path], object]) -> None:
    target = tmp_path / "result.mkv"
    with pytest.raises(InputError, match=rf"{target}: the disk is full; make room"), atomic(target) as partial:
        partial.symlink_to("/dev/full")
        write(partial)
    assert list(tmp_path.iterdir()) == []


def test_atomic_replaces(tmp_path: Path) -> None:
    with atomic(tmp_path / "a.mp4") as partial:
        assert partial.suffix == ".mp4"
        partial.write_text("new")
    assert (tmp_path / "a.mp4").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_json_round_trip_and_errors(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "a.json") == {"é": [1, None]}
    with pytest.raises(InputError, match="not found"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(InputError, match=r"c\.json: not valid JSON"):
        read_json(tmp_path / "c.json")


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
