"""A small FLAME, and clips of it as VHAP keeps and exports them; FLAME and the camera by plain loops."""

import json
import pickle
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from emotag.head.flame import load_flame
from emotag.head.landmark_fit import with_landmarks
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.regions import FACE_OVAL_468, OUTER_LIPS_468
from emotag.head.settings import HeadSettings
from emotag.head.surface import nearest_on_surface
from emotag.head.teeth import add_teeth
from emotag.perception.tracking.track import Track
from emotag.perception.tracking.vhap.convert import to_person, to_track
from emotag.perception.tracking.vhap.read import read_recording

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


def make_flame(folder: Path) -> HeadModel:
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


def make_params(flame):
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


def rest_root(flame, params, row):  # -> (3,)
    """The joint that `rotation` turns about, in the rest pose of a frame."""
    shaped = flame.template.double().numpy() + params["static_offset"][0]
    shaped = shaped + np.einsum("s,svc->vc", params["shape"], flame.shape_basis.double().numpy())
    shaped = shaped + np.einsum("e,evc->vc", params["expr"][row], flame.expression_basis.double().numpy())
    return flame.joint_regressor[0].double().numpy() @ shaped
