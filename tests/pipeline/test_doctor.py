import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from emotag.errors import InputError
from emotag.external.catalogue import available, tasks
from emotag.external.need import Engine, Need
from emotag.external.survey import survey
from emotag.external.table import advice, report
from pipeline.doctor import examine, exit_code
from stages.settings import load_settings

ROOT = Path(__file__).parents[2]
LONG = "models/openface/a-folder-with-a-rather-long-name/another-one-below-it/main_ceclm_general.txt"
DIGEST = hashlib.sha256(b"right").hexdigest()


def needs(settings: SimpleNamespace) -> tuple[Need, ...]:
    return (
        Need("file", LONG, "landmark model", "academic", "run its download script", 1200, sha256=DIGEST),
        Need("program", "no-such-FeatureExtraction", "FeatureExtraction", "academic", "https://example.org/openface"),
        Need("package", "yaml", "PyYAML", "MIT", "pip install pyyaml"),
    )


ENGINES = (
    Engine("action_units", "open", "own measures", lambda settings: (), open=True),
    Engine("action_units", "openface", "OpenFace 2", needs, paper=True),
)


def tree(engine: str) -> SimpleNamespace:
    return SimpleNamespace(action_units=SimpleNamespace(engine=engine))


def printed(engine: str, verify: bool = False) -> str:
    file = io.StringIO()
    report(survey(ENGINES, tree(engine), verify), file)
    return file.getvalue()


def test_what_is_missing_is_told_whole_where_nobody_looks_at_a_terminal() -> None:
    text = printed("openface")
    (row,) = [line for line in text.splitlines() if LONG in line]
    assert f"- landmark model: put it at {LONG}" in row
    assert "run its download script; licence academic; 1,200 MB" in text
    assert "- FeatureExtraction: put on PATH, or name the path of, no-such-FeatureExtraction" in text
    assert "+ PyYAML: yaml" in text
    assert "2 missing" in text
    assert "pip install pyyaml" not in text  # it is there


def test_the_end_says_what_to_do() -> None:
    broken = survey(ENGINES, tree("openface"))
    assert advice(broken) == [
        "action_units: openface lacks landmark model, FeatureExtraction; "
        "set action_units.engine to open, which works now",
        "0 of 1 chosen engines are ready",
    ]
    assert exit_code(broken) == 1
    assert not any("emotag models" in line for line in advice(broken))  # nothing here has an address
    fetchable = Need("file", "models/gone", "weights", "MIT", "https://example.org", url="https://example.org/weights")
    engines = (Engine("action_units", "openface", "OpenFace 2", lambda settings: (fetchable,)),)
    assert "`emotag models chosen --profile paper` fetches what has an address" in advice(
        survey(engines, tree("openface")), "paper"
    )
    well = survey(ENGINES, tree("open"))
    assert advice(well) == ["1 of 1 chosen engines are ready"]
    assert exit_code(well) == 0


def test_wrong_bytes_are_seen_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / LONG).parent.mkdir(parents=True)
    (tmp_path / LONG).write_bytes(b"wrong")
    assert "1 missing" in printed("openface") and "wrong" not in printed("openface")
    text = printed("openface", verify=True)
    assert "1 missing, 1 wrong" in text and f"{LONG} has other bytes than expected: delete it" in text
    (tmp_path / LONG).write_bytes(b"right")
    assert f"{LONG} (SHA-256 as expected)" in printed("openface", verify=True)


def test_a_terminal_gets_a_table_that_fits() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    os.environ["COLUMNS"], before = "100", os.environ.get("COLUMNS")
    try:
        report(survey(ENGINES, tree("openface")), file)
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in file.getvalue().splitlines()]
    assert max(len(line) for line in lines if line[:1] in "│┃┏├└┡") <= 100
    letters = "".join(line.split("│")[5].strip() for line in lines if line.startswith("│"))
    assert LONG in letters  # folded, not cut


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from pipeline.cli import main; main()", *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without any model."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def test_the_default_is_ready_on_a_bare_machine(project: Path) -> None:
    done = run(project, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    count = len(tasks(available(load_settings(ROOT / "params.yaml"))))
    assert count > 5
    assert done.stdout.strip().splitlines()[-1] == f"{count} of {count} chosen engines are ready"


def test_a_profile_is_looked_at_and_not_applied(project: Path) -> None:
    profile = "action_units: {engine: openface, openface: {program: no-such-FeatureExtraction}}\n"
    (project / "profiles" / "mine.yaml").write_text(profile)
    before = {path: path.read_bytes() for path in project.rglob("*.yaml")}
    done = run(project, "doctor", "--profile", "mine")
    assert done.returncode == 1, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    (row,) = [line for line in done.stdout.splitlines() if re.match(r"action_units +openface", line)]
    assert row.split()[2:5] == ["chosen", "1", "missing"]
    assert "set action_units.engine to open, which works now" in done.stdout


def test_bad_questions_are_one_line(project: Path) -> None:
    done = run(project, "doctor", "--profile", "nothing")
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        == "error: there is no profile 'nothing' (there are: "
        + ", ".join(sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
        + ")"
    )
    (project / "params.yaml").unlink()
    done = run(project, "doctor")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_it_looks_from_the_project_only(project: Path) -> None:
    with pytest.raises(InputError, match="relative to the project's folder"):
        examine(project)


def test_looking_at_all_engines_imports_none_of_them() -> None:
    heavy = (
        "torch",
        "transformers",
        "deepface",
        "insightface",
        "onnxruntime",
        "pandas",
        "scipy",
        "cv2",
        "requests",
        "dvc",
    )
    code = (
        "import sys; from pathlib import Path; from emotag.external.table import report; "
        "from pipeline.doctor import examine; "
        f"report(examine(Path())); print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == []
