"""OpenFace: a small FeatureExtraction that lies as the real one does, its tables on our clock, real tables."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.external.program import run_program
from emotag.perception.action_units.engines import ENGINES, make_action_units
from emotag.perception.action_units.openface import OpenFace
from emotag.perception.action_units.openface_settings import OpenFaceSettings
from emotag.perception.action_units.openface_table import judge, on_our_clock, read_openface
from emotag.perception.action_units.protocol import ACTION_UNITS, COLUMNS, ActionUnitSettings, FaceClip

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "../shared/footage/openface"

# What a video is to this program: a text "frames fps faces". It behaves as REFERENCE describes the real one.
FEATURE_EXTRACTION = """#!{python}
import json, subprocess, sys, time
from pathlib import Path

here = Path(sys.argv[0]).resolve().parent
words = sys.argv[1:]
(here / "called.json").write_text(json.dumps({{"arguments": words, "folder": str(Path.cwd())}}))
value = {{a: b for a, b in zip(words, words[1:]) if a.startswith("-")}}
if not Path("model").is_dir() and not (here / "model").is_dir():
    print("Could not load the landmark detector")
    sys.exit(1)
video = Path(value["-f"])
if not video.exists():
    print("Could not open the input: " + str(video), file=sys.stderr)
    sys.exit(0)
frames, fps, faces = video.read_text().split()
if faces == "hang":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (here / "child").write_text(str(child.pid))
    time.sleep(600)
names = ["frame", "face_id", "timestamp", "confidence", "success"]
units = {units!r}
names += [f"AU{{unit}}_r" for unit in units] + [f"AU{{unit}}_c" for unit in units]
blank = " " if (here / "blanks").exists() else ""
rows = [",".join([names[0]] + [blank + name for name in names[1:]])]
for i in range(int(frames)):
    seen = faces == "face"
    level = (2.0 if "-au_static" in words else 0.5) if seen else 0.0
    cells = [i + 1, 0, f"{{i / float(fps):.3f}}", 0.98 if seen else 0.0, int(seen)]
    rows.append(", ".join(map(str, cells + [level] * len(units) + [0.0] * len(units))))
out = Path(value["-out_dir"])
name = value.get("-of", video.name).rsplit(".", 1)[0]
(out / (name + ".csv")).write_text("\\n".join(rows) + "\\n")
(out / (name + "_of_details.txt")).write_text("details")
if "-aus" not in words:
    (out / (name + ".avi")).write_bytes(b"everything")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The executable, with its models beside it."""
    path = tmp_path / "bin" / "FeatureExtraction"
    (path.parent / "model").mkdir(parents=True)
    path.write_text(FEATURE_EXTRACTION.format(python=sys.executable, units=list(ACTION_UNITS)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def clip(folder: Path, frames: int = 50, fps: int = 25, faces: str = "face", rows: int | None = None) -> FaceClip:
    """A clip of `frames` frames whose video tells the program of `rows` rows (as many, if not said)."""
    video = folder / "a.clip.with.dots.mp4"
    video.write_text(f"{frames if rows is None else rows} {fps} {faces}")
    return FaceClip("ada", video, np.zeros((frames, 468, 3)), np.ones(frames, bool), lambda: [])


def engine(program: Path, **changes: object) -> OpenFace:
    return OpenFace(OpenFaceSettings.model_validate({"program": str(program), **changes}))


@pytest.mark.parametrize("blanks", [False, True], ids=["plain headers", "headers with a blank"])
def test_smoke(program: Path, tmp_path: Path, blanks: bool) -> None:
    if blanks:
        (program.parent / "blanks").touch()
    openface = engine(program)
    levels = openface.read(clip(tmp_path))
    intensities = openface.intensities(levels, openface.neutral([levels]))
    assert intensities.shape == (50, 17)
    np.testing.assert_allclose(intensities, 2.0)  # static: the clip is short
    assert levels.note == {"mode": "static", "mean_success": 1.0}
    assert len(openface.weights) == 16 and openface.name == "openface"


def test_arguments_are_a_list_and_the_program_stands_beside_its_models(program: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to(program)
    engine(link, landmark_model="model/main ceclm general.txt").read(clip(tmp_path))
    called = json.loads((program.parent / "called.json").read_text())
    assert Path(called["folder"]) == program.parent.resolve()
    words = called["arguments"]
    assert words[words.index("-mloc") + 1] == "model/main ceclm general.txt"
    assert Path(words[words.index("-f") + 1]).is_absolute() and "-aus" in words and "-au_static" in words
    assert "." not in words[words.index("-of") + 1]


def test_mode_by_length_and_by_name(program: Path, tmp_path: Path) -> None:
    openface = engine(program)
    assert openface.mode(249) == "static" and openface.mode(250) == "dynamic"
    long = openface.read(clip(tmp_path, frames=260))
    assert long.note["mode"] == "dynamic" and np.allclose(long.values, 0.5)
    assert np.allclose(engine(program, mode="static").read(clip(tmp_path, frames=260)).values, 2.0)
    assert np.allclose(engine(program, mode="dynamic").read(clip(tmp_path)).values, 0.5)


def test_exit_code_0_without_a_table_is_an_error(program: Path, tmp_path: Path) -> None:
    missing = clip(tmp_path)
    missing.video.unlink()
    with pytest.raises(InputError, match=r"mp4: not found"):
        engine(program).read(missing)
    done = run_program([str(program), "-f", "nowhere.mp4", "-out_dir", str(tmp_path)], limit_s=20, cwd=program.parent)
    assert done.code == 0 and "Could not open the input" in done.last_words and not list(tmp_path.glob("*.csv"))


def test_a_run_that_writes_no_table_is_told_with_its_last_words(program: Path, tmp_path: Path) -> None:
    (program.parent / "model").rmdir()
    with pytest.raises(
        InputError, match=r"wrote no table \(exit code 1: Could not load the landmark detector\)"
    ) as told:
        engine(program).read(clip(tmp_path))
    assert "\n" not in str(told.value)


def test_no_face_with_exit_code_0_is_an_error(program: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"saw a face in 0% of the frames, less than 80%"):
        engine(program).read(clip(tmp_path, faces="none"))


@pytest.mark.parametrize("rows", [0, 49, 51])
def test_a_table_without_a_row_per_frame_is_refused(program: Path, tmp_path: Path, rows: int) -> None:
    with pytest.raises(InputError, match=r"holds no rows|rows for a clip of 50 frames"):
        engine(program).read(clip(tmp_path, rows=rows))


def alive(pid: int) -> bool:
    """Whether a process runs (one that nobody has waited for yet has ended all the same)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_a_hanging_program_is_stopped_with_its_children(program: Path, tmp_path: Path) -> None:
    hanging = clip(tmp_path, faces="hang")
    with pytest.raises(InputError, match=r"did not finish in 3 s and was stopped"):
        engine(program, start_limit_s=3.0, frame_limit_s=0.0).read(hanging)
    child = int((program.parent / "child").read_text())
    for _ in range(50):
        if not alive(child):
            break
        time.sleep(0.1)
    assert not alive(child)


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_when_we_are_stopped_the_program_is_too(program: Path, tmp_path: Path) -> None:
    video = clip(tmp_path, faces="hang").video
    words = [str(program), "-f", str(video), "-out_dir", str(tmp_path)]
    code = f"from emotag.external.program import run_program; run_program({words!r}, limit_s=60)"
    ours = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    told = program.parent / "child"
    for _ in range(100):
        if told.exists() and told.read_text():
            break
        time.sleep(0.1)
    ours.terminate()
    assert ours.wait(timeout=20) == 128 + signal.SIGTERM
    assert not alive(int(told.read_text()))


def test_a_program_that_cannot_start() -> None:
    with pytest.raises(InputError, match="cannot be started"):
        run_program(["/nowhere/at-all"], limit_s=1)


DOCKER = """#!{python}
import json, os, subprocess, sys
from pathlib import Path

here = Path(sys.argv[0]).resolve().parent
words = sys.argv[1:]
with (here / "docker.log").open("a") as log:
    log.write(json.dumps(words) + "\\n")
if words[:2] == ["image", "inspect"]:
    if words[-1] != "lab/openface":
        sys.exit("No such image")
    print("sha256:0123456789abcdef0123456789abcdef")
elif words[0] == "run":
    at = words.index("--entrypoint")
    mounts = [words[i + 1] for i, word in enumerate(words) if word == "--volume"]
    program, image, inside = words[at + 1], words[at + 2], words[at + 3:]
    for mount in mounts:
        outer, inner = mount.removesuffix(":ro").rsplit(":", 1)
        inside = [word.replace(inner + "/", outer + "/") if word != inner else outer for word in inside]
    sys.exit(subprocess.run([str(here / program), *inside], cwd=here).returncode)
"""


def test_a_docker_image(program: Path, tmp_path: Path) -> None:
    docker = program.parent / "docker"
    docker.write_text(DOCKER.format(python=sys.executable))
    docker.chmod(0o755)
    program = program.with_name("not-on-this-machine")
    changes = {"image": "lab/openface", "container": str(docker)}
    openface = engine(program, **changes)
    assert openface.weights == "0123456789abcdef"
    np.testing.assert_allclose(openface.read(clip(tmp_path)).values, 2.0)
    call = [json.loads(line) for line in (program.parent / "docker.log").read_text().splitlines()][1]
    assert call[0] == "run" and call[call.index("--network") + 1] == "none"
    assert call[call.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert f"{tmp_path}:/clip:ro" in call and "/clip/a.clip.with.dots.mp4" in call
    with pytest.raises(InputError, match="no image 'other'"):
        engine(program, **changes | {"image": "other"})
    with pytest.raises(InputError, match="was stopped"):
        engine(program, **changes, start_limit_s=2.0, frame_limit_s=0.0).read(clip(tmp_path, faces="hang"))
    last = json.loads((program.parent / "docker.log").read_text().splitlines()[-1])
    assert last[0] == "kill" and last[1].startswith("emotag-openface-")


def write_table(path: Path, time_s: np.ndarray, levels: np.ndarray, success: np.ndarray | None = None) -> None:
    names = ["frame", " face_id", " timestamp", " confidence", " success", *(f" {name}" for name in COLUMNS)]
    seen = np.ones(len(time_s), int) if success is None else success.astype(int)
    rows = [
        f"{i + 1}, 0, {t:.3f}, 0.9, {s}, " + ", ".join([f"{level:.2f}"] * 17)
        for i, (t, level, s) in enumerate(zip(time_s, levels, seen))
    ]
    text = ",".join(names) + "\n" + "\n".join(rows) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_tables_at_another_rate_are_aligned_by_time(tmp_path: Path) -> None:
    time_s = np.arange(60) / 30
    write_table(tmp_path / "ada.csv.gz", time_s, time_s)  # the level is the time
    openface = OpenFace(OpenFaceSettings(tables=tmp_path))
    levels = openface.read(clip(tmp_path, frames=50))
    np.testing.assert_allclose(levels.values[:, 0], np.arange(50) / 25, atol=0.02)
    assert levels.note["mode"] == "imported" and openface.weights == "imported"


def test_frames_between_unseen_rows_are_not_valid(tmp_path: Path) -> None:
    time_s, success = np.arange(60) / 30, np.ones(60, bool)
    success[30] = False  # at 1.0 s: between our 24 (0.96) and 26 (1.04)
    write_table(tmp_path / "ada.csv", time_s, np.ones(60), success)
    values, valid = on_our_clock(read_openface(tmp_path / "ada.csv"), 50)
    assert np.flatnonzero(~valid).tolist() == [25] + [i for i in (24, 26) if not valid[i]]
    assert np.isnan(values[~valid]).all() and np.isfinite(values[valid]).all()
    thinned = np.delete(time_s, slice(20, 26))  # rows that are not there at all: 0.667 to 0.833 s
    write_table(tmp_path / "ada.csv", thinned, np.ones(54))
    _, valid = on_our_clock(read_openface(tmp_path / "ada.csv"), 50)
    assert not valid[17:20].any() and valid[:16].all() and valid[22:].all()


def test_our_own_rate_is_taken_row_by_row(tmp_path: Path) -> None:
    success = np.ones(50, bool)
    success[10] = False
    write_table(tmp_path / "ada.csv", np.arange(50) / 25, np.linspace(0, 4.9, 50), success)
    values, valid = on_our_clock(read_openface(tmp_path / "ada.csv"), 50)
    assert np.flatnonzero(~valid).tolist() == [10]
    np.testing.assert_allclose(values[valid, 3], np.round(np.linspace(0, 4.9, 50), 2)[valid])


def test_exception(tmp_path: Path) -> None:
    path = tmp_path / "ada.csv"

    def refused(text: str | bytes, match: str) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError, match=match) as told:
            read_openface(path)
        assert "\n" not in str(told.value)

    header = ", ".join(["frame", "timestamp", "success", *COLUMNS])
    refused("", "no column timestamp")
    refused("frame, timestamp, success\n1, 0, 1\n", "no column AU01_r")
    refused(header + "\n", "holds no rows")
    refused(header + "\n1, 0.000, 1, 2.0\n", "damaged in row 1")
    refused(header + "\n" + "1, 0.000, 1" + ", nan" * 17 + "\n", "no numbers")
    refused(header + ("\n1, 0.000, 1" + ", 1.0" * 17) * 2 + "\n", "row 2 does not follow")
    refused(b"\xff\xfe\x00", "cannot be read")
    (tmp_path / "bad.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError, match="cannot be read"):
        read_openface(tmp_path / "bad.csv.gz")
    with pytest.raises(InputError, match=r"bob\.csv: no such table"):
        OpenFace(OpenFaceSettings(tables=tmp_path)).read(
            FaceClip("bob", path, np.zeros((5, 468, 3)), np.ones(5, bool), lambda: [])
        )
    write_table(path, np.arange(100) / 25, np.ones(100))
    with pytest.raises(InputError, match=r"lasts 4\.00 s and the clip 2\.00 s"):
        judge(read_openface(path), 50, min_success=0.8, max_end_gap_s=0.2)


def test_engines_and_what_they_lack(tmp_path: Path, program: Path) -> None:
    assert [engine.name for engine in ENGINES] == ["open", "openface"]
    assert make_action_units(ActionUnitSettings()).name == "open"
    lacking = ActionUnitSettings(engine="openface", openface=OpenFaceSettings(program=str(tmp_path / "nothing")))
    with pytest.raises(InputError, match=r"'openface' lacks OpenFace 2's FeatureExtraction.*set .*engine to 'open'"):
        make_action_units(lacking)
    imported = ActionUnitSettings(engine="openface", openface=OpenFaceSettings(tables=tmp_path / "tables"))
    with pytest.raises(InputError, match="the folder of OpenFace's tables"):
        make_action_units(imported)
    there = ActionUnitSettings(engine="openface", openface=OpenFaceSettings(program=str(program)))
    assert make_action_units(there).name == "openface"


@pytest.mark.shared
def test_real_tables() -> None:
    """25 and 30 fps, all AUs or with pose and points, static and dynamic: what OpenFace itself wrote."""
    if not TABLES.exists():
        pytest.skip(f"{TABLES} is absent")
    lengths = {}
    for path in sorted(TABLES.glob("*.csv.gz")):
        table = read_openface(path)
        frames = round(table.end_s * 25)
        judge(table, frames, min_success=0.8, max_end_gap_s=0.2)
        values, valid = on_our_clock(table, frames)
        assert valid.mean() > 0.8 and np.nanmin(values) >= 0 and np.nanmax(values) <= 5, path.name
        lengths[path.name.removesuffix(".csv.gz")] = (len(table.time_s), frames)
    assert lengths["president-fr"] == (1510, 1258) and lengths["m030-sad-3-static"] == (112, 93)
    assert lengths["anchor-de"] == (500, 500)


@pytest.mark.shared
def test_static_keeps_what_dynamic_subtracts() -> None:
    """REFERENCE's own figures of MEAD's surprised man."""
    if not TABLES.exists():
        pytest.skip(f"{TABLES} is absent")
    static, dynamic = (
        OpenFace(OpenFaceSettings(tables=TABLES)).read(
            FaceClip(f"m024-surprised-2{kind}", TABLES, np.zeros((120, 468, 3)), np.ones(120, bool), lambda: [])
        )
        for kind in ("-static", "")
    )
    for unit, low, high in (("02", 0.05, 2.09), ("05", 0.04, 2.42)):
        column = ACTION_UNITS.index(unit)
        assert np.nanmean(dynamic.values[:, column]) == pytest.approx(low, abs=0.02)
        assert np.nanmean(static.values[:, column]) == pytest.approx(high, abs=0.02)
