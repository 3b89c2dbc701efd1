import json
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emotag.errors import InputError
from emotag.files import write_json
from emotag.media.sheet import contact_sheet
from emotag.media.video import AI_MARK, write_video
from emotag.metrics.action_units import ALL_UNITS
from emotag.metrics.evaluate import Readings, evaluate_clip
from emotag.report.build import build_report
from emotag.report.settings import ReportSettings
from emotag.tables import frame_table, write_table
from stages.report import collect, report
from stages.settings import PipelineSettings, parse_settings
from stages.workspace import Workspace

TRAINING = {"frames": 100, "static_frames": 10}


def face(side: int, opening: float, skin: tuple[int, int, int] = (214, 170, 140)) -> np.ndarray:
    """A drawn face: nobody's."""
    image = np.full((side, side, 3), (60, 90, 120), np.uint8)
    unit = side / 100
    cv2.ellipse(image, (side // 2, int(46 * unit)), (int(24 * unit), int(32 * unit)), 0, 0, 360, skin, -1)
    cv2.rectangle(image, (int(20 * unit), int(82 * unit)), (int(80 * unit), side), (40, 45, 80), -1)
    for x in (40, 60):
        cv2.circle(image, (int(x * unit), int(40 * unit)), max(1, int(3 * unit)), (40, 40, 40), -1)
    mouth = (int(9 * unit), max(1, int((1 + 8 * opening) * unit)))
    cv2.ellipse(image, (side // 2, int(62 * unit)), mouth, 0, 0, 360, (120, 30, 40), -1)
    return image


def readings(opening: np.ndarray, side: int, seed: int, noise: float) -> Readings:
    rng = np.random.default_rng(seed)
    points = np.tile(np.random.default_rng(7).uniform(0.3, 0.7, (68, 2)) * side, (len(opening), 1, 1))
    for top, bottom in ((61, 67), (62, 66), (63, 65)):
        points[:, bottom] = points[:, top] + np.stack([0 * opening, opening * side / 12], -1)
    points += rng.normal(0, noise * side / 512, points.shape)
    time = np.arange(len(opening)) / 25
    units = {
        unit: np.clip(1 + np.sin(time * (1 + index / 5) + index) + rng.normal(0, noise, len(opening)), 0, 5)
        for index, unit in enumerate(ALL_UNITS)
    }
    valid = np.ones(len(opening), bool)
    return Readings(points, valid, units, valid)


def fill(
    root: Path, frames: int = 30, side: int = 48, identities: tuple[str, ...] = ("ada", "ben")
) -> PipelineSettings:
    """A workspace after a whole run, with drawn faces and the shapes of real artifacts."""
    rng = np.random.default_rng(0)
    workspace = Workspace(root)
    for name in identities:
        _fill_test(workspace, name, frames, side, rng)
        _fill_models(workspace, name, rng)
        speech = (face(side, abs(np.sin(index / 3))) for index in range(frames))
        tone = np.sin(np.arange(frames * 640) / 20).astype(np.float32) * 0.1
        output = workspace.reports / "videos" / name / f"{name}-german.mp4"
        write_video(output, speech, intra=False, audio=(tone, 16000), comment=AI_MARK)
    for stage in ("crop", "landmarks", "track", "action_units", "audio"):
        for name in identities:
            images = [face(96, opening) for opening in np.linspace(0, 1, 8)]
            contact_sheet(workspace.file(stage, name, "png" if stage == "audio" else "jpg"), images, [stage] * 8)
            note = {"engine": f"open-{stage}", "version": "1", "weights": "f" * 64}
            write_table(workspace.file(stage, name, "parquet"), frame_table(name, {"x": np.zeros(3)}), note)
    entry = {
        name: {"consent": f"{name} signed form 3 for this study", "reference": f"{name}-reference"}
        for name in identities
    }
    content = {
        "clips": {
            f"{name}-{kind}": {"identity": name, "video": "v.mp4"}
            for name in identities
            for kind in ("reference", "test")
        },
        "identities": entry | {"cora": {"consent": "synthetic", "reference": f"{identities[0]}-test"}},
        "corpus": ["cora"],
        "avatars": {name: {"reference": f"{name}-reference"} for name in identities},
        "tests": {f"{name}-self": {"identity": name, "clip": f"{name}-test"} for name in identities},
        "sounds": {"german": {"file": "german.wav"}},
        "videos": {
            f"{n}-german": {"identity": n, "sound": "german", "reference": f"{n}-reference"} for n in identities
        },
        "pretrain": TRAINING,
        "adapt": TRAINING,
    }
    return parse_settings(content, root / "params.yaml")


def _fill_test(workspace: Workspace, name: str, frames: int, side: int, rng: np.random.Generator) -> None:
    energy = -35 + 10 * np.convolve(rng.normal(size=frames + 4), np.ones(5) / 5, "valid")
    opening = np.clip((energy + 45) / 20, 0, 1)
    spoken = np.clip(opening + rng.normal(0, 0.08, frames), 0, 1)
    rest = np.full(frames, opening.mean())
    videos = [np.stack([face(side, value) for value in values]) for values in (opening, spoken, rest)]
    noisy = np.clip(videos[1] + rng.normal(0, 3, videos[1].shape), 0, 255).astype(np.uint8)
    mask = np.zeros((frames, side, side), np.uint8)
    mask[:, side // 8 : -side // 4, side // 4 : -side // 4] = 255
    result = evaluate_clip(
        f"{name}-test",
        videos[0],
        noisy,
        mask,
        readings(opening, side, 1, 0.2),
        readings(spoken, side, 2, 0.4),
        energy,
        frozen_frames=videos[2],
        frozen=readings(rest, side, 3, 0.9),
    )
    gate = {"gate": np.clip(0.4 + 0.3 * np.sin(np.arange(frames) / 9), 0, 1), "e": np.full(frames, 0.5)}
    metrics = {
        "identity": name,
        "tests": [result.summary],
        "training": {"seconds": 431.0, "frames_seen": 20000, "device": "cpu"},
        "speed": {"fps": 14.2},
    }
    write_json(workspace.reports / "metrics" / f"{name}-self.json", metrics)
    table = frame_table(f"{name}-test", result.columns | gate)
    write_table(workspace.reports / "frames" / f"{name}-self.parquet", table, {})
    side_by_side = (np.hstack([videos[0][index], noisy[index], videos[2][index]]) for index in range(frames))
    compare = workspace.reports / "videos" / name / f"{name}-self-compare.mp4"
    write_video(compare, side_by_side, comment=AI_MARK)


def _fill_models(workspace: Workspace, name: str, rng: np.random.Generator) -> None:
    seen = np.arange(0, 20001, 100)
    falling = np.exp(-seen / 6000)
    log = {
        "frames_seen": seen,
        "identity": [name] * len(seen),
        "stage": np.where(seen > 1000, "joint", "appearance").tolist(),
        "loss": 0.05 + 0.4 * falling * rng.uniform(0.7, 1.3, len(seen)),
        "psnr": 32 - 14 * falling + rng.normal(0, 0.6, len(seen)),
        "seconds": seen * 0.02,
        "loss_l1": 0.02 + 0.2 * falling,
        "loss_dssim": 0.01 + 0.1 * falling,
        "loss_kl": np.where(seen > 1000, 0.5 * falling + 0.1, np.nan),
        "loss_geometry": np.zeros(len(seen)),
    }
    for folder in (workspace.motion, workspace.avatar(name)):
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(log).to_parquet(folder / "log.parquet")
        contact_sheet(folder / "sheet.jpg", [face(96, 0.5)] * 4, ["truth, avatar"] * 4)
    write_json(
        workspace.avatar(name) / "avatar.json", {"consent": f"{name} signed form 2", "training": {"seconds": 1.0}}
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, PipelineSettings]:
    root = tmp_path_factory.mktemp("workspace")
    return root, fill(root)


@pytest.fixture(scope="module")
def page(made) -> str:
    root, settings = made
    return build_report(collect(Workspace(root), settings), settings.report)


def test_the_page_needs_nothing_from_elsewhere(page):
    sources = re.findall(r'(?:src|poster|href)="([^"]*)"', page)
    assert sources
    outside = [source for source in sources if not source.startswith(("data:", "#"))]
    assert outside == ["https://arxiv.org/abs/2603.21332"]
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_mark_and_consent_come_first(page):
    head = page[: page.index("<main>")]
    assert "AI-generated" in head
    assert "ada signed form 2" in head  # the consent the avatar was made with, not today's
    assert page.count('class="mark">AI-generated') == 4
    assert "lacks the AI-generated mark" not in page


def test_videos_sheets_and_charts_are_inside(page):
    assert page.count("data:video/mp4;base64,") == 4
    sheets = 2 * 5 + 1 + 2  # five perception stages of two people, pretraining, two adaptations
    assert page.count('<img loading="lazy"') == sheets
    assert page.count('<svg class="chart') == 2 * (6 + 3) + 3
    assert page.count('<svg class="spark"') == 2 * 17
    order = [
        page.index(f". {stage}<span>") for stage in ("crop", "landmarks", "track", "action units", "audio", "pretrain")
    ]
    assert order == sorted(order)


def test_numbers_are_the_metrics_files(made, page):
    metrics = json.loads((made[0] / "reports/metrics/ada-self.json").read_text())["tests"][0]
    assert f'<td class="n main">{metrics["metrics"]["psnr"]:.2f}</td>' in page
    assert f'<td class="n">{metrics["frozen"]["lmd"]:.3f}</td>' in page
    assert ">30.02<" in page  # Table 1, neutral
    assert ">29.95<" in page  # Table 1, emotional
    assert "open-track" in page
    assert "7 min 11 s" in page


def test_a_page_from_an_empty_workspace(tmp_path):
    settings = parse_settings({"pretrain": TRAINING, "adapt": TRAINING}, tmp_path)
    page = build_report(collect(Workspace(tmp_path), settings))
    assert "No test has been evaluated yet" in page


def test_missing_parts_are_said_or_left_out(tmp_path):
    """An avatar without test, log or consent; a test without frames, video or baseline."""
    fill(tmp_path, frames=12, identities=("ada",))
    settings = parse_settings({"pretrain": TRAINING, "adapt": TRAINING}, tmp_path)
    for file in ("frames/ada-self.parquet", "videos/ada/ada-self-compare.mp4"):
        (tmp_path / "reports" / file).unlink()
    file = tmp_path / "reports/metrics/ada-self.json"
    content = json.loads(file.read_text())
    content["tests"][0] |= {"frozen": None, "improvement": {}}
    content["tests"][0]["metrics"]["lmd"] = None
    file.write_text(json.dumps(content))
    (tmp_path / "models/avatars/ada/avatar.json").unlink()
    (tmp_path / "models/avatars/new").mkdir()
    page = build_report(collect(Workspace(tmp_path), settings))
    assert "no consent is recorded; this avatar must not be used" in page
    assert "No test of this avatar has been evaluated." in page
    assert page.count("<video") == 1


def test_names_are_escaped(made):
    data = collect(Workspace(made[0]), made[1])
    bad = type(data.identities[0])("<b>x", consent='"><script>alert(1)</script>')
    page = build_report(type(data)(created="now", version="0", identities=[bad]))
    assert "<script>" not in page
    assert "&lt;b&gt;x" in page


def test_a_large_video_is_embedded_as_a_marked_smaller_copy_or_linked(tmp_path):
    settings = fill(tmp_path, frames=50, side=160, identities=("ada",))
    data = collect(Workspace(tmp_path), settings)
    whole = (tmp_path / "reports/videos/ada/ada-self-compare.mp4").stat().st_size
    page = build_report(data, ReportSettings(video_limit_mb=whole / 2e6))
    assert "a smaller copy of <code>ada-self-compare.mp4</code>" in page
    assert page.count("data:video/mp4") == 2
    page = build_report(data, ReportSettings(video_limit_mb=1e-5))
    assert "data:video/mp4" not in page
    assert page.count("Too large for this page") == 2


def test_an_unmarked_video_is_reported(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    write_video(tmp_path / "reports/videos/ada/ada-german.mp4", [face(48, 0.1)] * 4)
    assert "lacks the AI-generated mark" in build_report(collect(Workspace(tmp_path), settings))


def test_mixed_engines_are_reported(tmp_path):
    settings = fill(tmp_path, frames=8)
    write_table(tmp_path / "data/track/ben.parquet", frame_table("ben", {"x": np.zeros(3)}), {"engine": "vhap"})
    page = build_report(collect(Workspace(tmp_path), settings))
    assert "not comparable across clips: track." in page
    assert "open-track + vhap" in page


def test_the_stage_writes_the_page(tmp_path, monkeypatch):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(json.dumps(settings.model_dump(mode="json")))
    report()
    page = Path("reports/report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert "Speaks german." in page
    content = json.loads(Path("reports/metrics/ada-self.json").read_text())
    flat = json.loads(Path("reports/summary/ada-self.json").read_text())
    assert flat["psnr"] == pytest.approx(content["tests"][0]["metrics"]["psnr"], rel=1e-5)
    assert all(isinstance(value, float) for value in flat.values())
    frames = pd.read_csv("reports/plots/frames.tsv", sep="\t")
    assert set(frames["name"]) == {"ada-self"}
    assert len(frames) == 8
    training = pd.read_csv("reports/plots/training.tsv", sep="\t")
    assert set(training["name"]) == {"pretraining", "ada"}
    assert {"frames_seen", "loss", "psnr"} <= set(training)
    Path("reports/summary/gone.json").write_text("{}")
    report()
    assert [file.name for file in Path("reports/summary").iterdir()] == ["ada-self.json"]


def test_other_methods_and_ablations_stand_in_the_papers_tables(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    reports = tmp_path / "reports"
    entry = json.loads((reports / "metrics/ada-self.json").read_text())["tests"][0]
    entry |= {"test": "clip-7", "clip": "clip-7", "emotion": "neutral", "metrics": {"psnr": 12.34}, "frozen": None}
    write_json(reports / "scores/InsTaG.json", {"method": "InsTaG", "engines": {}, "metrics": {}, "tests": [entry]})
    write_table(reports / "scores/InsTaG/clip-7.parquet", frame_table("clip-7", {"psnr": np.full(8, 12.34)}), {})
    mean = {"mean": 3.21, "low": 3.0, "high": 3.4, "frames": 8}
    ablation = {"title": "gateless", "paper": "w/o gate", "moves": "lmd", "metrics": {"lmd": mean}, "tests": [entry]}
    write_json(reports / "ablations/no-gate.json", ablation)
    data = collect(Workspace(tmp_path), settings)
    assert [one.name for one in data.methods] == ["InsTaG"]
    assert data.methods[0].tests[0].frames["psnr"].mean() == pytest.approx(12.34)
    page = build_report(data, settings.report)
    assert "clip-7: neutral" in page
    assert ">12.34" in page
    assert "gateless" in page
    assert "[3.000, 3.400]" in page
    assert "No ablation was run here" not in page


@pytest.mark.parametrize(("folder", "command"), [("scores", "emotag score"), ("ablations", "emotag ablate")])
def test_exception_on_scores_or_ablations_that_are_none(tmp_path, folder, command):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    write_json(tmp_path / "reports" / folder / "x.json", {"tests": []})
    with pytest.raises(InputError, match=rf"x\.json: holds no .*{command}"):
        collect(Workspace(tmp_path), settings)


def test_an_ablation_that_was_stopped_before_its_comparison_is_left_out(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    write_json(tmp_path / "reports/ablations/full.json", {"title": "full", "key": "9b53", "tests": []})
    data = collect(Workspace(tmp_path), settings)
    assert list(data.ablations) == []


def test_tests_may_be_keyed_by_name(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    file = tmp_path / "reports/metrics/ada-self.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"tests": {"ada-self": content["tests"][0]}}))
    (test,) = collect(Workspace(tmp_path), settings).identities[0].tests
    assert test.name == "ada-self"
    assert test.summary["frames"] == 8


def test_exception_on_a_metrics_file_that_is_none(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    (tmp_path / "reports/metrics/other.json").write_text("[]")
    with pytest.raises(InputError, match=r"other\.json: holds no 'identity'"):
        collect(Workspace(tmp_path), settings)


def test_exception_on_a_damaged_video(tmp_path):
    settings = fill(tmp_path, frames=8, identities=("ada",))
    (tmp_path / "reports/videos/ada/ada-german.mp4").write_bytes(b"not a video")
    with pytest.raises(InputError, match=r"ada-german\.mp4"):
        build_report(collect(Workspace(tmp_path), settings))


def test_several_tests_in_one_file_are_told_apart(tmp_path):
    """A metrics file named after its identity may hold several tests, with one table of frames."""
    settings = fill(tmp_path, frames=8, identities=("ada",))
    folder = tmp_path / "reports"
    content = json.loads((folder / "metrics/ada-self.json").read_text())
    content["tests"].append(content["tests"][0] | {"clip": "ada-other"})
    (folder / "metrics/ada-self.json").unlink()
    write_json(folder / "metrics/ada.json", content)
    parts = [
        frame_table(clip, {"psnr": np.full(8, value)}) for clip, value in (("ada-test", 20.0), ("ada-other", 30.0))
    ]
    write_table(folder / "frames/ada.parquet", pa.concat_tables(parts), {})
    tests = collect(Workspace(tmp_path), settings).identities[0].tests
    assert [test.name for test in tests] == ["ada-test", "ada-other"]
    assert [test.frames["psnr"].mean() for test in tests] == [20, 30]
