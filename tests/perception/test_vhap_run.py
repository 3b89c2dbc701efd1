"""VHAP as a tracker: its commands, played by small programs of the same arguments, and what it gave before."""

import os
import shutil
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.perception.tracking.engines import ENGINES, VHAP_TO_RUN, make_tracker
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.tracker import LandmarkTracker, TrackedClip
from emotag.perception.tracking.vhap.run import Job, run_vhap
from emotag.perception.tracking.vhap.settings import VhapSettings
from emotag.perception.tracking.vhap.tracker import VhapTracker
from tests.perception.vhap_files import (
    CAMERA,
    FOCAL,
    FRAMES,
    PIXELS,
    SIDE,
    flames_own,
    make_flame,
    make_params,
    pixels_of,
    seen,
    write_dataset,
    write_tracking,
)


@pytest.fixture(scope="module")
def flame(tmp_path_factory) -> HeadModel:
    return make_flame(tmp_path_factory.mktemp("flame"))


@pytest.fixture(scope="module")
def params(flame):
    return make_params(flame)


SCRIPTS = {
    "preprocess_video": """
        import argparse, pathlib
        p = argparse.ArgumentParser()
        p.add_argument("--input", type=pathlib.Path); p.add_argument("--matting_method")
        a = p.parse_args()
        assert a.matting_method == "robust_video_matting" and a.input.suffix == ".mp4" and a.input.exists()
        (a.input.parent / a.input.stem / "images").mkdir(parents=True)
        print("frames written")
    """,
    "track": """
        import argparse, os, pathlib, shutil, sys, time
        p = argparse.ArgumentParser()
        p.add_argument("--data.root_folder", dest="root", type=pathlib.Path)
        p.add_argument("--exp.output_folder", dest="out", type=pathlib.Path)
        p.add_argument("--data.sequence", dest="sequence")
        p.add_argument("--model.no_use_static_offset", dest="still", action="store_true")
        p.add_argument("--model.flame_params_path", dest="start")
        a, rest = p.parse_known_args()
        assert [f for f in a.root.glob(a.sequence + "*") if f.is_dir()] == [a.root / a.sequence]
        here = pathlib.Path.cwd()
        with (here / "calls").open("a") as f:
            print(a.sequence, a.start, a.still, *rest, file=f)
        if (here / "fail").exists():
            print("Traceback", file=sys.stderr); print("RuntimeError: CUDA out of memory", file=sys.stderr); sys.exit(1)
        if (here / "hang").exists():
            child = os.fork()
            if child == 0:
                (here / "child").write_text(str(os.getpid()))
            print("epoch 3 of 30", flush=True)
            time.sleep(60)
        out = a.out / "2026-01-01_00-00-00"
        out.mkdir(parents=True)
        shutil.copy(here / "result.npz", out / "tracked_flame_params_30.npz")
    """,
    "export_as_nerf_dataset": """
        import argparse, pathlib
        p = argparse.ArgumentParser()
        for name in ("--src_folder", "--tgt_folder", "--background-color"): p.add_argument(name)
        a = p.parse_args()
        assert getattr(a, "background_color") == "white" and pathlib.Path(a.src_folder).is_dir()
        pathlib.Path(a.tgt_folder).mkdir()
    """,
}


@pytest.fixture
def vhap(tmp_path, params):
    """A checkout of a program with VHAP's commands, which "tracks" by copying result.npz."""
    checkout = tmp_path / "VHAP"
    (checkout / "vhap").mkdir(parents=True)
    for name, text in SCRIPTS.items():
        (checkout / "vhap" / f"{name}.py").write_text(textwrap.dedent(text))
    flame = checkout / "asset" / "flame"
    flame.mkdir(parents=True)
    for name in ("flame2023.pkl", "FLAME_masks.pkl"):
        (flame / name).write_bytes(b"weights")
    write_tracking(checkout, params).rename(checkout / "result.npz")
    video = tmp_path / "mira.mp4"
    video.write_bytes(b"a crop")
    return VhapSettings(checkout=checkout, python=Path(sys.executable), work=tmp_path / "work"), video


def calls(settings):
    return (settings.checkout / "calls").read_text().splitlines()


def test_the_three_commands_run_once(vhap):
    settings, video = vhap
    told = []
    first = run_vhap(Job("mira", video), settings, told.append)
    assert first.name == "tracked_flame_params_30.npz" and first.is_relative_to(settings.work.resolve())
    assert told == ["VHAP: preprocess_video", "VHAP: track", "VHAP: export_as_nerf_dataset"]
    assert "frames written" in (settings.work / "mira" / "preprocess_video.log").read_text()
    assert (settings.work / "mira" / "dataset").is_dir()
    assert run_vhap(Job("mira", video), settings) == first and len(calls(settings)) == 1
    video.write_bytes(b"another crop")
    run_vhap(Job("mira", video), settings)
    run_vhap(Job("mira", video), settings.model_copy(update={"static_offset": False, "dataset": False}))
    assert [line.split()[:3] for line in calls(settings)] == [
        ["mira", "None", still] for still in ("False", "False", "True")
    ]


def test_a_failure_tells_the_last_lines_and_is_tried_again(vhap):
    settings, video = vhap
    (settings.checkout / "fail").touch()
    with pytest.raises(
        InputError, match=r"clip mira: VHAP's track\.py ended with code 1: .*CUDA out of memory"
    ) as caught:
        run_vhap(Job("mira", video), settings)
    assert "\n" not in str(caught.value) and str(settings.work) in str(caught.value)
    (settings.checkout / "fail").unlink()
    assert run_vhap(Job("mira", video), settings).exists()


def test_the_whole_group_ends_at_the_time_limit(vhap):
    settings, video = vhap
    (settings.checkout / "hang").touch()
    with pytest.raises(InputError, match=r"VHAP's track\.py: .* did not finish .*epoch 3 of 30; all of it is in .*"):
        run_vhap(Job("mira", video), settings.model_copy(update={"track_limit_s": 1.0}))
    assert "epoch 3 of 30" in (settings.work / "mira" / "track.log").read_text()
    child = int((settings.checkout / "child").read_text())
    for _ in range(50):
        if not _alive(child):
            break
        time.sleep(0.1)
    assert not _alive(child)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] if Path("/proc").exists() else True


def tracked_clip(name, video, reference="mira"):
    points = torch.full((FRAMES, 468, 3), SIDE / 2.0)
    observations = Observations(points, torch.ones(FRAMES, dtype=torch.bool), SIDE, SIDE)
    return TrackedClip(name, video, observations, reference, video)


def test_another_clip_keeps_the_reference_clips_shape(flame, params, vhap):
    settings, video = vhap
    tracker = VhapTracker(flame, settings, SIDE)
    steps = []
    person = tracker.fit_shape(tracked_clip("mira", video), steps.append)
    track = tracker.fit_track(tracked_clip("mira", video), person, steps.append)
    assert steps == [1, FRAMES] and len(calls(settings)) == 1  # VHAP tracked the clip once for both
    assert track.valid.all() and track.reprojection_px.isfinite().all()
    assert tracker.note()["difference_px"] < PIXELS and len(tracker.note()["source_digest"]) == 16
    tracker.fit_track(tracked_clip("mira-test", video), person, steps.append)
    name, start, *rest = calls(settings)[1].split()
    assert name == "mira-test" and Path(start).is_relative_to(settings.work.resolve() / "mira")
    told = " ".join(rest)
    assert "--pipeline.rgb_global_tracking.optimizable_params pose joints expr texture lights" in told
    assert not any(word in told.split() for word in ("cam", "shape", "static_offset"))


def test_imports_are_read_and_nothing_runs(flame, params, vhap, tmp_path):
    settings, video = vhap
    imports = {"mira": write_dataset(tmp_path / "export", params), "test": write_tracking(tmp_path / "t", params)}
    settings = settings.model_copy(update={"imports": imports})
    tracker = VhapTracker(flame, settings, SIDE)
    person = tracker.fit_shape(tracked_clip("mira", video), lambda n: None)
    tracker.fit_track(tracked_clip("test", video), person, lambda n: None)
    assert tracker.note()["source"].endswith("tracked_flame_params_30.npz")
    assert not (settings.checkout / "calls").exists()
    with pytest.raises(InputError, match="cannot start from a data set"):
        tracker.fit_track(tracked_clip("other", video), person, lambda n: None)


def test_a_clip_of_another_shape(flame, params, vhap, tmp_path):
    """A little is laid over the picture (and told); another person is refused."""
    settings, video = vhap
    near = {**params, "shape": params["shape"] + 0.05, "focal_length": np.array([FOCAL * 1.2])}
    far = {**params, "shape": -3 * params["shape"]}
    imports = {name: write_tracking(tmp_path / name, p) for name, p in (("mira", params), ("near", near), ("far", far))}
    tracker = VhapTracker(flame, settings.model_copy(update={"imports": imports}), SIDE)
    person = tracker.fit_shape(tracked_clip("mira", video), lambda n: None)
    track = tracker.fit_track(tracked_clip("near", video), person, lambda n: None)
    assert track.focal_length == person.focal_length and torch.equal(track.shape, person.shape)
    want = seen(flames_own(flame, near, 6), CAMERA, FOCAL * 1.2 * SIDE, SIDE)
    face = flame.regions["face"]
    off = np.linalg.norm(pixels_of(flame, track, person, 6) - want, axis=1)[face].mean()
    assert 0.01 < off < settings.max_difference * SIDE
    with pytest.raises(InputError, match=r"px apart; track it with the shape of mira"):
        tracker.fit_track(tracked_clip("far", video), person, lambda n: None)


def test_what_is_missing_is_named(flame, vhap, tmp_path):
    settings, video = vhap
    tracker = VhapTracker(flame, settings, SIDE, flame=settings.checkout / "result.npz")
    with pytest.raises(InputError, match="must use the same FLAME"):
        tracker.fit_shape(tracked_clip("mira", video), lambda n: None)
    nowhere = settings.model_copy(update={"python": tmp_path / "env" / "bin" / "python"})
    with pytest.raises(
        InputError, match=r"track\.engine 'vhap' lacks the Python of VHAP's own environment: .*'landmarks'"
    ):
        VhapTracker(flame, nowhere, SIDE).fit_shape(tracked_clip("mira", video), lambda n: None)


def chosen(shape, track, vhap):
    """The two sections of params.yaml as far as the factory reads them."""
    return SimpleNamespace(engine=shape, neutral_fraction=0.25), SimpleNamespace(engine=track, vhap=vhap)


def test_engines_by_name(flame, vhap, tmp_path):
    settings, _ = vhap
    one = next(engine for engine in ENGINES if engine.name == "vhap")
    assert one.paper and all(need.found() for need in one.needs(SimpleNamespace(vhap=settings)))
    imports = settings.model_copy(update={"imports": {"mira": tmp_path / "none.npz"}})
    assert [need.name for need in one.needs(SimpleNamespace(vhap=imports))] == [str(tmp_path / "none.npz")]
    with pytest.raises(InputError, match=r"lacks what VHAP gave for clip mira: put it at .*none\.npz"):
        make_tracker(*chosen("vhap", "vhap", imports), flame, SIDE, tmp_path)
    assert isinstance(make_tracker(*chosen("vhap", "vhap", settings), flame, SIDE, tmp_path), VhapTracker)
    with pytest.raises(
        InputError, match=r"shape\.engine is 'landmarks' and track\.engine 'vhap': VHAP fits both or neither"
    ):
        make_tracker(*chosen("landmarks", "vhap", settings), flame, SIDE, tmp_path)
    with pytest.raises(InputError, match=r"track\.engine 'vhap' needs FLAME, and the head model is 'open'"):
        make_tracker(*chosen("vhap", "vhap", settings), replace(flame, name="open"), SIDE, tmp_path)
    landmarks = make_tracker(ShapeSettings(), TrackSettings(), flame, SIDE, tmp_path)
    assert isinstance(landmarks, LandmarkTracker) and landmarks.shape_steps == 1 + ShapeSettings().offset_rounds
    shutil.rmtree(settings.checkout / "asset")
    assert [need.found() for need in VHAP_TO_RUN.needs(settings)] == [True, True, False, False]
