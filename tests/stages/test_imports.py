"""Most of a short stage is its start: what a stage does not need must not be imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = ("ingest", "crop", "landmarks", "action_units", "emotion", "identity", "features")
HEAVY = ("torch", "pandas", "matplotlib", "scipy", "numba", "librosa", "sklearn", "gsplat")


def imported(code: str) -> set[str]:
    """Run Python afresh; give which heavy packages it has imported at the end."""
    told = f"{code}; import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_light_stages_import_nothing_heavy() -> None:
    assert imported("import " + ", ".join(f"stages.{name}" for name in LIGHT)) == set()


def test_tables_are_written_and_read_without_pandas(tmp_path: Path) -> None:
    code = f"""
import numpy as np
from emotag.tables import column, frame_table, read_metadata, read_table, write_table
path = {str(tmp_path / "t.parquet")!r}
columns = {{"a": np.ones((3, 2)), "valid": np.ones(3, bool), "phone": ["a", None, "b"]}}
write_table(path, frame_table("ada", columns), {{}})
assert column(read_table(path), "a").shape == (3, 2) and column(read_table(path), "valid").all()
assert read_metadata(path) == {{}}"""
    assert imported(f"exec({code!r})") == set()


def test_the_command_line_starts_light() -> None:
    assert imported("import pipeline.cli") == set()


@pytest.mark.parametrize("stage", ["shape", "track", "matte"])
def test_tracking_stages_import_no_more_than_they_fit_with(stage: str) -> None:
    assert imported(f"import stages.{stage}") <= {"torch", "scipy"}
