"""librosa's compiled functions are made by one process at a time."""

import os
import re
import subprocess
import sys
from pathlib import Path

from emotag.perception.audio.compiled_librosa import MODULES

REPORT = """
import fcntl
with open({lock!r}, "rb") as other:
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(__name__, "alone")
    else:
        print(__name__, "unguarded")
"""


def package(folder: Path) -> Path:
    """Write a `librosa` whose modules tell whether the lock is held while they are imported."""
    lock = folder / "librosa/__init__.py"
    for name in MODULES:
        file = folder / (name.replace(".", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(REPORT.format(lock=str(lock)))
    lock.touch()
    return lock


def test_modules_are_imported_while_the_lock_is_held_and_not_after(tmp_path: Path) -> None:
    lock = package(tmp_path)
    code = f"import emotag.perception.audio.compiled_librosa\n__name__ = 'afterwards'{REPORT.format(lock=str(lock))}"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))},
        capture_output=True,
        text=True,
    )
    assert not told.returncode, told.stderr
    assert told.stdout.splitlines() == [*(f"{name} alone" for name in MODULES), "afterwards unguarded"]


def test_every_ufunc_of_librosa_that_can_be_reached_is_among_them() -> None:
    """What is imported by the open engine beyond MODULES compiles nothing at import."""
    code = (
        "import numba, sys\n"
        "import emotag.perception.audio.compiled_librosa\n"
        "def caught(*a, **k): raise SystemExit('compiled outside the lock')\n"
        "numba.guvectorize = numba.vectorize = caught\n"
        "import emotag.perception.audio.open, librosa\n"
        "librosa.pyin, librosa.feature.melspectrogram, librosa.mel_frequencies\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_of_this_project_goes_round_it() -> None:
    root = Path(__file__).parents[2]
    folders = ("emotag", "stages", "pipeline", "benchmarks")
    files = (file for folder in folders for file in (root / folder).rglob("*.py"))
    straight = re.compile(r"^\s*(import|from) librosa\b", re.MULTILINE)
    found = {file.name for file in files if straight.search(file.read_text())}
    assert found == {"compiled_librosa.py"}
