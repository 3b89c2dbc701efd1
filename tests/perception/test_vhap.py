"""VHAP's formats, against an independent reading of FLAME and of VHAP's conventions."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from emotag.errors import InputError
from emotag.head.model import HeadModel, digest
from emotag.media.video import write_lossless, write_video
from emotag.perception.tracking.vhap.clock import on_our_clock
from emotag.perception.tracking.vhap.convert import require_flame, to_person, to_track
from emotag.perception.tracking.vhap.dataset import export_dataset
from emotag.perception.tracking.vhap.read import latest_tracking, read_recording
from tests.perception.vhap_files import (
    CAMERA,
    FOCAL,
    FRAMES,
    PIXELS,
    SIDE,
    converted,
    flames_own,
    make_flame,
    make_params,
    offsets,
    pixels_of,
    rest_root,
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


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("kind", ["tracking", "dataset", "moved dataset"])
def test_the_same_pixels_come_back(flame, params, tmp_path, kind, static):
    known = {**params, "static_offset": offsets(flame)} if static else params
    if kind == "tracking":
        path = write_tracking(tmp_path, known)
    else:
        move = None
        if kind == "moved dataset":
            roots = []
            for row in range(FRAMES):  # the joint that `rotation` turns about stays where it is
                still = {**known, "rotation": np.zeros((FRAMES, 3)), "translation": np.zeros((FRAMES, 3))}
                roots.append(rest_root(flame, still, row))
            move = (
                Rotation.from_euler("xyz", (0.3, -0.5, 0.2)).as_matrix(),
                np.array([0.3, 1.2, -0.4]),
                np.array(roots),
            )
        path = write_dataset(tmp_path / "export", known, move)
    made, person = converted(path, flame)
    np.testing.assert_allclose(person.shape.numpy(), known["shape"], rtol=1e-5)
    assert made.track.focal_length == pytest.approx(FOCAL)
    assert (person.static_offset is not None) == static
    face = flame.regions["face"].numpy()
    for row in range(0, FRAMES, 5):
        want = seen(flames_own(flame, known, row), CAMERA, FOCAL * SIDE, SIDE)
        got = pixels_of(flame, made.track, person, row)
        off = np.linalg.norm(got - want, axis=1)
        assert off.max() < PIXELS, (row, off.max())
        assert off[face].mean() == pytest.approx(float(made.difference[row]), abs=2e-4)
    for name in ("neck_pose", "jaw_pose", "eyes_pose"):
        np.testing.assert_allclose(getattr(made.track, name).numpy(), known[name], atol=1e-6)
    np.testing.assert_allclose(made.track.expression.numpy(), known["expr"], atol=1e-6)


def test_expressions_move_the_jaw_joint(flame, params):
    """Else the tests above would not tell FLAME's released code from its paper."""
    moved = np.einsum("v,evc,te->tc", *(x.double().numpy() for x in (flame.joint_regressor[2], flame.expression_basis)),
                      params["expr"])  # fmt: skip
    assert np.linalg.norm(moved, axis=1).max() > 1e-3  # metres


def test_without_expression_and_offset_nothing_is_moved(flame, params, tmp_path):
    known = {**params, "expr": np.zeros((FRAMES, 100))}
    made, _ = converted(write_tracking(tmp_path, known), flame)
    np.testing.assert_allclose(made.track.rotation.numpy(), known["rotation"], atol=2e-6)
    np.testing.assert_allclose(made.track.translation.numpy(), known["translation"], atol=2e-6)
    assert made.difference.max() < 1e-3


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A crop and its matte: the head's alpha is a disc, and half transparent below."""
    folder = tmp_path_factory.mktemp("clip")
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(rows - SIDE / 2, columns - SIDE / 2) < SIDE / 3
    alpha = np.where(disc, 255, 0).astype(np.uint8)
    alpha[disc & (rows > SIDE * 0.6)] = 128
    frames = [np.full((SIDE, SIDE, 3), (40 + 10 * i, 90, 60), np.uint8) for i in range(FRAMES)]
    write_video(folder / "crop.mp4", frames)
    write_lossless(folder / "matte.mkv", [np.stack((alpha, alpha, 0 * alpha), 2)] * FRAMES)
    return folder, alpha


@pytest.mark.parametrize("static", [False, True])
def test_a_track_goes_out_and_comes_back(flame, params, clip, tmp_path, static):
    import cv2

    known = {**params, "static_offset": offsets(flame)} if static else params
    made, person = converted(write_tracking(tmp_path / "in", known), flame)
    valid = torch.ones(FRAMES, dtype=torch.bool)
    valid[4] = False
    track = replace(made.track, valid=valid)
    folder, alpha = clip
    out = tmp_path / "out"
    motion = export_dataset(out, track, flame, person.static_offset, folder / "crop.mp4", folder / "matte.mkv")
    assert float(motion.difference.max()) < PIXELS
    recording = read_recording(out)
    assert recording.steps.tolist() == [i for i in range(FRAMES) if i != 4]
    rows, again = on_our_clock(recording, FRAMES, 25.0, 0.8, "mira")
    assert again.tolist() == valid.tolist()
    back = to_track(rows, again, flame, person, SIDE)
    for row in (0, 3, 11):
        want, got = pixels_of(flame, track, person, row), pixels_of(flame, back.track, person, row)
        assert np.abs(got - want).max() < 0.1 * PIXELS
    for name in ("rotation", "translation", "neck_pose", "jaw_pose", "eyes_pose", "expression"):
        want, got = getattr(track, name)[valid], getattr(back.track, name)[valid]
        torch.testing.assert_close(got, want, atol=2e-4, rtol=1e-4)

    # As GaussianAvatars reads it: head and camera in its own axes, the head by FLAME's released code.
    content = json.loads((out / "transforms_train.json").read_text())
    first = content["frames"][0]
    table = dict(np.load(out / first["flame_param_path"]))
    assert {name: table[name].shape for name in ("shape", "expr", "jaw_pose", "eyes_pose", "static_offset")} == {
        "shape": (300,), "expr": (1, 100), "jaw_pose": (1, 3), "eyes_pose": (1, 6),
        "static_offset": (1, flame.n_vertices, 3),
    }  # fmt: skip
    camera = np.array(first["transform_matrix"])
    camera[:3, 1:3] *= -1
    inside = (np.linalg.inv(camera) @ np.c_[flames_own(flame, table, 0), np.ones(flame.n_vertices)].T).T
    focal = first["w"] / (2 * np.tan(first["camera_angle_x"] / 2))
    got = focal * inside[:, :2] / inside[:, 2:3] + SIDE / 2
    assert np.abs(got - pixels_of(flame, track, person, 0)).max() < PIXELS
    assert abs(np.mean([np.load(f)["translation"] for f in sorted(out.glob("flame_param/*"))])) < 1e-6

    divisions = {n: json.loads((out / f"transforms_{n}.json").read_text()) for n in ("train", "val", "test")}
    assert [len(one["frames"]) for one in divisions.values()] == [8, 0, 3]
    assert divisions["test"]["timestep_indices"] == [8, 9, 10] and first["timestep_index"] == 0
    picture = cv2.imread(str(out / first["file_path"]))[..., ::-1].astype(int)
    assert (picture[0, 0] == 255).all() and np.abs(picture[SIDE // 2, SIDE // 2] - (40, 90, 60)).max() < 6
    below = picture[int(SIDE * 0.7), SIDE // 2]
    assert np.abs(below - (np.array((40, 90, 60)) + 255) / 2).max() < 6
    np.testing.assert_array_equal(cv2.imread(str(out / first["fg_mask_path"]), cv2.IMREAD_UNCHANGED), alpha)
    assert np.load(out / "canonical_flame_param.npz")["jaw_pose"][0, 0] == pytest.approx(0.3)
    with pytest.raises(InputError, match="exists already"):
        export_dataset(out, track, flame, None, folder / "crop.mp4", folder / "matte.mkv")


def test_an_export_that_fails_leaves_nothing(flame, params, clip, tmp_path):
    made, _ = converted(write_tracking(tmp_path / "in", params), flame)
    short = made.track.select(slice(0, 5))
    folder, _ = clip
    with pytest.raises(InputError, match="12 frames, but 5 tracked"):
        export_dataset(tmp_path / "out", short, flame, None, folder / "crop.mp4", folder / "matte.mkv")
    with pytest.raises(InputError, match="needs FLAME, and the head model is 'open'"):
        other = replace(flame, name="open")
        export_dataset(tmp_path / "out", made.track, other, None, folder / "crop.mp4", folder / "matte.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_times_and_not_rows_align(flame, params, tmp_path):
    steps = np.arange(15)  # VHAP at 30 fps, a value that grows with time
    rows = {
        name: np.repeat(steps[:, None] / 30.0, size, 1)
        for name, size in (
            ("rotation", 3),
            ("translation", 3),
            ("neck_pose", 3),
            ("jaw_pose", 3),
            ("eyes_pose", 6),
            ("expr", 100),
        )
    }
    thirty = {**params, **rows, "timestep_id": np.array([f"{i:06d}" for i in steps])}  # fmt: skip
    recording = read_recording(write_tracking(tmp_path / "a", thirty))
    made, valid = on_our_clock(recording, FRAMES, 30.0, 0.9, "mira")
    assert valid.all()
    np.testing.assert_allclose(made.jaw_pose[:, 0], np.arange(FRAMES) / 25, atol=1e-6)
    with pytest.raises(InputError, match=r"goes to frame 14 .* clip mira has 12 frames"):
        on_our_clock(recording, FRAMES, 25.0, 0.9, "mira")

    kept = [0, 1, 2, 5, 6, 7, 8, 9, 10]
    gap = {**params, **{name: params[name][kept] for name in (*rows, "timestep_id")}}
    recording = read_recording(write_tracking(tmp_path / "b", gap))
    made, valid = on_our_clock(recording, FRAMES, 25.0, 0.7, "mira")
    assert valid.tolist() == [i in kept for i in range(FRAMES)]
    np.testing.assert_allclose(made.jaw_pose[3], (2 * params["jaw_pose"][2] + params["jaw_pose"][5]) / 3, atol=1e-6)
    np.testing.assert_allclose(made.jaw_pose[11], params["jaw_pose"][10], atol=1e-6)
    with pytest.raises(InputError, match=r"covers 9 of 12 frames"):
        on_our_clock(recording, FRAMES, 25.0, 0.9, "mira")


def test_the_newest_run_and_its_last_epoch(params, tmp_path):
    for run, epoch in (("2026-01-01_10-00-00", 30), ("2026-02-01_10-00-00", 9), ("2026-02-01_10-00-00", 20)):
        write_tracking(tmp_path / run, params, epoch)
    found = latest_tracking(tmp_path)
    assert found.parent.name == "2026-02-01_10-00-00" and found.name == "tracked_flame_params_20.npz"
    assert read_recording(tmp_path).source == found
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"neither transforms\.json nor"):
        read_recording(tmp_path / "none")


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timestep_id": None}, "no timestep_id"),
        ({"timestep_id": np.array([f"frame{i}x" for i in range(FRAMES)])}, "is no number"),
        ({"timestep_id": np.array(["3"] * FRAMES)}, "rising order"),
        ({"jaw_pose": np.zeros((FRAMES - 1, 3))}, r"jaw_pose has shape \(11, 3\), VHAP's has 12×3"),
        ({"expr": np.full((FRAMES, 100), np.nan)}, "expr holds NaN"),
        ({"dynamic_offset": np.ones((FRAMES, 4, 3))}, "dynamic_offset"),
        ({"focal_length": None}, "no focal_length"),
    ],
)
def test_damaged_tracking(params, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_recording(write_tracking(tmp_path, params, **change))


def test_no_code_in_a_tracking_runs(params, tmp_path, capsys):
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **{**params, "expr": np.array([Evil()], dtype=object)})
    with pytest.raises(InputError, match=r"not a \.npz of arrays"):
        read_recording(path)
    path.write_bytes(b"PK no")
    with pytest.raises(InputError, match=r"not a \.npz of arrays"):
        read_recording(path)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cx": SIDE / 2 + 3}, "principal point"),
        ({"fl_y": FOCAL * SIDE * 1.1}, "another camera"),
        ({"transform_matrix": [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]}, "not a camera's pose"),
        ({"w": None}, "garbles"),
    ],
)
def test_damaged_dataset(params, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_recording(write_dataset(tmp_path / "export", params, **change))


def test_what_does_not_fit_is_refused_in_one_line(flame, params, tmp_path):
    recording = read_recording(write_tracking(tmp_path / "a", params))
    person, valid = to_person(recording, flame, 0.25), np.ones(FRAMES, bool)
    with pytest.raises(InputError, match="tracked at 128 × 128, the crop is 512 × 512"):
        to_track(recording, valid, flame, person, 512)
    few = replace(flame, shape_basis=flame.shape_basis[:40])
    with pytest.raises(
        InputError, match=r"uses 300 shape coefficients, the head model keeps 40; set head\.identity_modes"
    ):
        to_person(recording, few, 0.25)
    offset = {**params, "static_offset": np.ones((1, 7, 3))}
    with pytest.raises(InputError, match="offsets of 7 vertices"):
        to_person(read_recording(write_tracking(tmp_path / "b", offset)), flame, 0.25)
    with pytest.raises(InputError, match="needs FLAME, and the head model is 'open'") as caught:
        require_flame(replace(flame, name="open"))
    assert "\n" not in str(caught.value)


def test_fewer_coefficients_are_filled_with_zeros(flame, params, tmp_path):
    recording = read_recording(
        write_tracking(tmp_path, params, shape=params["shape"][:100], expr=params["expr"][:, :50])
    )
    person = to_person(recording, flame, 0.25)
    assert len(person.shape) == 300 and not person.shape[100:].any()
    assert person.neutral_expression.shape == (100,) and not person.neutral_expression[50:].any()


def test_the_stage_writes_a_tracked_clip(flame, params, clip, tmp_path, monkeypatch, capfd):
    from stages.export import export_vhap
    from stages.workspace import Workspace

    made, person = converted(write_tracking(tmp_path / "in", params), flame)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(Path(__file__).parents[2] / "params.yaml", "params.yaml")
    workspace, (files, _) = Workspace(), clip
    flame.save(workspace.head)
    person.save(workspace.file("shape", "mira", "json"), {})
    made.track.save(workspace.file("track", "mira-same", "parquet"), "mira-same", {"head": digest(workspace.head)})
    for stage, name, suffix in (("crop", "crop", "mp4"), ("matte", "matte", "mkv")):
        workspace.file(stage, "mira-same", suffix).parent.mkdir(parents=True)
        shutil.copyfile(files / f"{name}.{suffix}", workspace.file(stage, "mira-same", suffix))
    export_vhap("mira-same", tmp_path / "export")
    assert len(read_recording(tmp_path / "export")) == FRAMES and "12 of 12" in capfd.readouterr().err
