"""VHAP's formats and commands, against an independent reading of FLAME and of VHAP's conventions."""

import json
import os
import pickle
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
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from emotag.errors import InputError
from emotag.head.flame import load_flame
from emotag.head.landmark_fit import with_landmarks
from emotag.head.model import HeadModel, LandmarkEmbedding, digest
from emotag.head.regions import FACE_OVAL_468, OUTER_LIPS_468
from emotag.head.settings import HeadSettings
from emotag.head.surface import nearest_on_surface
from emotag.head.teeth import add_teeth
from emotag.media.video import write_lossless, write_video
from emotag.perception.tracking.engines import ENGINES, VHAP_TO_RUN, make_tracker
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.track import Track
from emotag.perception.tracking.tracker import LandmarkTracker, TrackedClip
from emotag.perception.tracking.vhap.clock import on_our_clock
from emotag.perception.tracking.vhap.convert import require_flame, to_person, to_track
from emotag.perception.tracking.vhap.dataset import export_dataset
from emotag.perception.tracking.vhap.read import latest_tracking, read_recording
from emotag.perception.tracking.vhap.run import Job, run_vhap
from emotag.perception.tracking.vhap.settings import VhapSettings
from emotag.perception.tracking.vhap.tracker import VhapTracker

SIDE, FRAMES, FOCAL = 128, 12, 1.7
PIXELS = 0.5 * SIDE / 512
"""Half a pixel of the paper's 512² frame."""
PARENTS = (-1, 0, 1, 1, 1)


def ball(rings, columns, radii, centre, bottom=1.0):
    """A sphere's grid, open below when `bottom` < 1."""
    polar = np.linspace(0.05, np.pi * bottom - 0.05 * (bottom == 1.0), rings)
    p, a = np.meshgrid(polar, np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij")
    points = np.stack((np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)), axis=-1).reshape(-1, 3)
    index = np.arange(rings * columns).reshape(rings, columns)
    a0, b0 = index[:-1], np.roll(index, -1, axis=1)[:-1]
    c0, d0 = index[1:], np.roll(index, -1, axis=1)[1:]
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a0, c0, b0), (b0, c0, d0))])
    top = np.stack([np.full(columns - 2, 0), np.arange(1, columns - 1), np.arange(2, columns)], 1)
    return points * radii + centre, np.concatenate((faces, top))


@pytest.fixture(scope="module")
def flame(tmp_path_factory) -> HeadModel:
    """A small head of FLAME's structure, through a pickle of FLAME's format, with teeth."""
    random = np.random.default_rng(3)
    skull, faces = ball(22, 26, (0.08, 0.12, 0.1), (0, 0, 0), bottom=0.88)
    left, round_faces = ball(5, 7, (0.012,) * 3, (0.032, 0.02, 0.085))
    vertices = np.concatenate((skull, left, left * (-1, 1, 1)))
    faces = np.concatenate((faces, round_faces + len(skull), round_faces[:, ::-1] + len(skull) + len(left)))
    count = len(vertices)
    weights = np.zeros((count, 5))
    up = np.clip((vertices[:, 1] + 0.11) / 0.05, 0, 1)
    jaw = np.clip(-(vertices[:, 1] + 0.03) / 0.03, 0, 1) * (vertices[:, 2] > 0) * up
    weights[:, 0], weights[:, 1], weights[:, 2] = 1 - up, up - jaw, jaw
    weights[len(skull) :] = 0
    weights[len(skull) : len(skull) + len(left), 3] = 1
    weights[len(skull) + len(left) :, 4] = 1
    regressor = np.zeros((5, count))
    parts = (
        vertices[:, 1] < -0.1,
        np.abs(vertices[:, 1] + 0.08) < 0.02,
        (np.abs(vertices[:, 1] + 0.03) < 0.02) & (weights[:, 3:].sum(1) == 0),
        weights[:, 3] > 0,
        weights[:, 4] > 0,
    )
    for joint, part in enumerate(parts):
        regressor[joint, part] = 1 / part.sum()
    smooth = np.stack([np.sin(vertices @ random.normal(size=(3, 3)) * 12) for _ in range(400)], axis=-1)
    mouth = np.exp(-(((vertices[:, 1] + 0.045) / 0.04) ** 2)) * (vertices[:, 2] > 0)
    smooth[..., 300:] *= mouth[
        :, None, None
    ]  # expressions that move the mouth by millimetres, and with it the jaw joint
    folder = tmp_path_factory.mktemp("flame")
    content = {
        "v_template": vertices,
        "f": faces.astype(np.uint32),
        "shapedirs": 0.0006 * smooth,
        "posedirs": 0.0006 * random.normal(size=(count, 3, 36)),
        "J_regressor": csc_matrix(regressor),
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
    }
    (folder / "flame2023.pkl").write_bytes(pickle.dumps(content, protocol=2))
    settings = HeadSettings(engine="flame", source=folder / "flame2023.pkl", identity_modes=300)
    return add_teeth(_marked(load_flame(settings)))


def _marked(head: HeadModel) -> HeadModel:
    points = np.tile([0.0, -0.01, 0.11], (468, 1))
    lips = np.linspace(np.pi, -np.pi, 20, endpoint=False)
    points[list(OUTER_LIPS_468)] = np.stack((0.025 * np.cos(lips), -0.045 + 0.010 * np.sin(lips), 0.1 + 0 * lips), 1)
    oval = np.linspace(np.pi / 2, -3 * np.pi / 2, 36, endpoint=False)
    points[list(FACE_OVAL_468)] = np.stack((0.07 * np.cos(oval), -0.02 + 0.075 * np.sin(oval), 0.06 + 0 * oval), 1)
    triangles, weights = nearest_on_surface(points, head.template.double().numpy(), head.faces.numpy())
    return with_landmarks(head, LandmarkEmbedding(torch.from_numpy(triangles), torch.from_numpy(weights).float()))


def flames_own(head, params, row):  # -> (V, 3)
    """FLAME as its released code has it, one vertex at a time: joints follow expression and static offset."""
    shaped = head.template.double().numpy() + params["static_offset"][0]
    shaped = shaped + np.einsum("s,svc->vc", params["shape"], head.shape_basis.double().numpy())
    shaped = shaped + np.einsum("e,evc->vc", params["expr"][row], head.expression_basis.double().numpy())
    joints = head.joint_regressor.double().numpy() @ shaped
    names = ("rotation", "neck_pose", "jaw_pose", "eyes_pose")
    pose = np.concatenate([params[name][row] for name in names]).reshape(5, 3)
    turns = [Rotation.from_rotvec(angle).as_matrix() for angle in pose]
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    rest = shaped + np.einsum("p,pvc->vc", feature, head.pose_basis.double().numpy())
    world = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turns[joint], joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    posed = np.zeros_like(rest)
    for vertex, point in enumerate(rest):
        for joint, weight in enumerate(head.skinning[vertex].tolist()):
            if weight:
                posed[vertex] += weight * (world[joint] @ np.append(point - joints[joint], 1))[:3]
    return posed + params["translation"][row]


def seen(points, camera, focal, side):  # -> (V, 2) pixels
    """A pinhole camera with OpenGL axes: (4, 4) to world, looking down its −z."""
    inside = (np.linalg.inv(camera) @ np.concatenate((points, np.ones((len(points), 1))), 1).T).T
    return np.stack((side / 2 - focal * inside[:, 0] / inside[:, 2], side / 2 + focal * inside[:, 1] / inside[:, 2]), 1)


CAMERA = np.eye(4)
CAMERA[2, 3] = 1.0


@pytest.fixture(scope="module")
def params(flame):
    """A clip as VHAP keeps it."""
    random = np.random.default_rng(7)
    wave = np.sin(np.arange(FRAMES)[:, None] / 3 + np.arange(3))
    smooth = np.linspace(0, 1, FRAMES)[:, None]
    return {
        "rotation": wave * (0.2, 0.4, 0.15),
        "translation": 0.02 * wave + (0.01, 0.015, -0.05),
        "neck_pose": 0.1 * wave[:, ::-1],
        "jaw_pose": np.abs(wave) * (0.25, 0.03, 0.02),
        "eyes_pose": 0.2 * np.concatenate((wave, wave), 1),
        "shape": random.normal(size=300) * 0.8,
        "expr": random.normal(size=(1, 100)) * smooth + random.normal(size=(1, 100)) * (1 - smooth),
        "static_offset": np.zeros((1, flame.n_vertices, 3)),
        "focal_length": np.array([FOCAL]),
        "image_size": np.array([SIDE, SIDE]),
        "timestep_id": np.array([f"{i:06d}" for i in range(FRAMES)]),
        "lights": np.zeros((9, 3)),
        "tex_extra": np.zeros((3, 2, 2)),
        "n_processed_frames": np.array(0),
    }


def offsets(flame):
    """A person's hair and ears: up to a centimetre above the eyes."""
    height = flame.template[:, 1:2].double().numpy()
    return (0.1 * np.clip(height - 0.03, 0, None) * flame.template.double().numpy() / 0.1)[None]


def write_tracking(folder, params, epoch=30, **changed):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"tracked_flame_params_{epoch}.npz"
    kept = {key: value for key, value in {**params, **changed}.items() if value is not None}
    single = {key: value.astype(np.float32) if value.dtype.kind == "f" else value for key, value in kept.items()}
    np.savez(path, **single)
    return path


def write_dataset(folder, params, move=None, **changed):
    """VHAP's export: heads re-centred, the shift in the camera; `move` is a rigid motion of the whole scene besides."""
    (folder / "flame_param").mkdir(parents=True)
    mean = params["translation"].mean(0)
    camera = CAMERA.copy()
    camera[:3, 3] -= mean
    rotation, translation = params["rotation"], params["translation"] - mean
    if move is not None:
        turn, shift, roots = move
        camera[:3] = turn @ camera[:3]
        camera[:3, 3] += shift
        translation = (roots + translation) @ turn.T + shift - roots
        rotation = (Rotation.from_matrix(turn) * Rotation.from_rotvec(rotation)).as_rotvec()
    frames = []
    for i in range(FRAMES):
        row = {name: params[name][i : i + 1] for name in ("neck_pose", "jaw_pose", "eyes_pose", "expr")}
        row |= {"rotation": rotation[i : i + 1], "translation": translation[i : i + 1]}
        row |= {"shape": params["shape"], "static_offset": params["static_offset"]}
        np.savez(folder / "flame_param" / f"{i:05d}.npz", **row)
        frames.append(
            {
                "timestep_index": i, "timestep_index_original": i, "timestep_id": f"{i:06d}",
                "camera_index": 0, "camera_id": "0", "cx": SIDE / 2, "cy": SIDE / 2, "h": SIDE, "w": SIDE,
                "fl_x": FOCAL * SIDE, "fl_y": FOCAL * SIDE, "transform_matrix": camera.tolist(),
                "file_path": f"images/{i:05d}_00.png", "flame_param_path": f"flame_param/{i:05d}.npz", **changed,
            }
        )  # fmt: skip
    (folder / "transforms.json").write_text(json.dumps({"frames": frames}))
    return folder


def pixels_of(flame, track: Track, person, row):
    vertices = track.vertices(flame, slice(row, row + 1), person.static_offset)[0]
    return track.camera(SIDE, SIDE).project(vertices)[0].numpy()


def converted(path, flame):
    recording = read_recording(path)
    person = to_person(recording, flame, 0.25)
    return to_track(recording, np.ones(FRAMES, bool), flame, person, SIDE), person


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
                roots.append(_root(flame, still, row))
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


def _root(flame, params, row):
    shaped = flame.template.double().numpy() + params["static_offset"][0]
    shaped = shaped + np.einsum("s,svc->vc", params["shape"], flame.shape_basis.double().numpy())
    shaped = shaped + np.einsum("e,evc->vc", params["expr"][row], flame.expression_basis.double().numpy())
    return flame.joint_regressor[0].double().numpy() @ shaped


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


# ---- the tracker, and VHAP's commands ----

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
    with pytest.raises(InputError, match=r"VHAP's track\.py: .* did not finish"):
        run_vhap(Job("mira", video), settings.model_copy(update={"track_limit_s": 1.0}))
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
