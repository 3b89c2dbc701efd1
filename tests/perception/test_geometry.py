"""Depth and normals of the tracked mesh, and their files."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.files import (
    GeometryPaths,
    decode_depth,
    decode_normal,
    encode_depth,
    encode_normal,
    read_geometry,
    write_geometry,
)
from emotag.perception.geometry.picture import GeometrySheet
from emotag.perception.geometry.surface import surface_faces
from emotag.perception.geometry.tracked_mesh import TrackedMesh
from emotag.perception.tracking.track import Track

SIZE, FOCAL = 128, 1.9
SEMI_AXES = np.array([0.075, 0.11, 0.09])  # of the synthetic head, see conftest


def make_track(head: HeadModel, frames: int = 3) -> Track:
    zero = torch.zeros(frames, 3)
    expression = torch.zeros(frames, head.n_expression)
    shape, valid = torch.zeros(head.n_shape), torch.ones(frames, dtype=torch.bool)
    translation = zero.clone()
    translation[:, 0] = torch.linspace(0, 0.04, frames)
    none = torch.zeros(frames)
    return Track(zero, translation, zero, zero, torch.zeros(frames, 6), expression, shape, FOCAL, none, valid)


def skull_only(head: HeadModel) -> HeadModel:
    """Leave the eyeballs, which bulge out of the synthetic head, out."""
    skull = int(head.regions["left_eye"].min())
    return replace(head, faces=head.faces[(head.faces < skull).all(dim=1)])


def paths(folder) -> GeometryPaths:
    return GeometryPaths(folder / "a-depth.mkv", folder / "a-normal.mkv", folder / "a.json")


def test_depth_and_normals_are_those_of_the_ellipsoid(synthetic_head: HeadModel) -> None:
    head = skull_only(synthetic_head)
    found = TrackedMesh(head, make_track(head), "0").estimate(0, np.zeros((SIZE, SIZE, 3), np.uint8))
    rows, columns = np.nonzero(found.mask)
    depth = found.depth[rows, columns]
    x = (columns + 0.5 - SIZE / 2) * depth / (FOCAL * SIZE)
    y = -(rows + 0.5 - SIZE / 2) * depth / (FOCAL * SIZE)
    points = np.stack((x, y, 1 - depth), axis=1)
    radius = np.linalg.norm(points / SEMI_AXES, axis=1)
    assert radius.min() > 0.97 and radius.max() < 1.001  # flat triangles lie a little inside
    normal = points / SEMI_AXES**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    cosine = (normal * found.normal[rows, columns]).sum(axis=1)
    assert cosine.min() > 0.97 and np.median(cosine) > 0.998
    np.testing.assert_allclose(np.linalg.norm(found.normal[rows, columns], axis=1), 1, atol=1e-5)
    assert (found.depth[~found.mask] == 0).all() and (found.normal[~found.mask] == 0).all()
    assert not found.mask[0].any() and found.mask[SIZE // 2, SIZE // 2]


def test_geometry_follows_the_track(synthetic_head: HeadModel) -> None:
    mesh = TrackedMesh(synthetic_head, make_track(synthetic_head), "0")
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    centres = [np.nonzero(mesh.estimate(frame, image).mask)[1].mean() for frame in range(3)]
    assert np.all(np.diff(centres) > 3)
    assert mesh.estimate(0, np.zeros((64, 64, 3), np.uint8)).mask.shape == (64, 64)


def test_mouth_interior_is_left_out(synthetic_head: HeadModel) -> None:
    front = torch.nonzero((synthetic_head.template[:, 2] > 0.07) & (synthetic_head.template[:, 1].abs() < 0.03))
    head = replace(synthetic_head, regions=synthetic_head.regions | {"mouth_interior": front.squeeze(1)})
    kept, everything = surface_faces(head), surface_faces(synthetic_head)
    assert len(everything) == len(synthetic_head.faces) and len(everything) - len(kept) > 0
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    found = TrackedMesh(skull_only(head), make_track(head), "0").estimate(0, image)
    assert not found.mask[SIZE // 2, SIZE // 2]  # a hole, not the back of the head


def test_depth_code() -> None:
    depth = np.linspace(0.8, 1.1, 12, dtype=np.float32).reshape(3, 4)
    mask = np.ones((3, 4), dtype=bool)
    mask[0, 0] = False
    scale = 0.3 / 65534
    values = encode_depth(depth, mask, scale, 0.8)
    assert values.dtype == np.uint16 and values[0, 0] == 0 and values[-1, -1] == 65535 and values[0, 1] > 0
    again = decode_depth(values, scale, 0.8)
    assert again[0, 0] == 0
    np.testing.assert_allclose(again[mask], depth[mask], atol=scale)


def test_normal_code() -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(9, 7, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    mask = rng.uniform(size=(9, 7)) > 0.2
    values = encode_normal(normal, mask)
    assert values.dtype == np.uint8 and (values[~mask] == 0).all() and (values[mask].max(axis=-1) > 0).all()
    again = decode_normal(values, mask)
    assert (again[~mask] == 0).all()
    assert (again[mask] * normal[mask]).sum(-1).min() > np.cos(0.01)


@pytest.mark.parametrize("relative", [False, True])
def test_files_round_trip(synthetic_head: HeadModel, tmp_path, relative: bool) -> None:
    mesh = TrackedMesh(synthetic_head, make_track(synthetic_head), "0123")
    frames = [mesh.estimate(index, np.zeros((SIZE, SIZE, 3), np.uint8)) for index in range(3)]
    frames[1].mask[:] = False  # a frame without a head
    count = write_geometry(paths(tmp_path), iter(frames), relative=relative, metadata=mesh.metadata)
    clip = read_geometry(paths(tmp_path))
    assert count == 3 and clip.depth.shape == (3, SIZE, SIZE) and clip.relative is relative
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(clip.mask[index], frame.mask)
        np.testing.assert_allclose(clip.depth[index][frame.mask], frame.depth[frame.mask], atol=1e-5)
        np.testing.assert_allclose(clip.normal[index][frame.mask], frame.normal[frame.mask], atol=0.01)
    assert (clip.depth[1] == 0).all() and (clip.normal[1] == 0).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-depth.mkv", "a-normal.mkv", "a.json"]


def test_nothing_seen_leaves_no_files(tmp_path) -> None:
    empty = Geometry(np.zeros((16, 16), np.float32), np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), bool))
    with pytest.raises(ValueError, match="no frame shows"):
        write_geometry(paths(tmp_path), [empty], relative=False, metadata={})
    assert list(tmp_path.iterdir()) == []


def test_reading_something_else_is_one_clear_line(synthetic_head: HeadModel, tmp_path) -> None:
    with pytest.raises(InputError, match="not found"):
        read_geometry(paths(tmp_path))
    mesh = TrackedMesh(synthetic_head, make_track(synthetic_head), "0")
    frames = [mesh.estimate(index, np.zeros((32, 32, 3), np.uint8)) for index in range(2)]
    write_geometry(paths(tmp_path), frames, relative=False, metadata={})
    note = paths(tmp_path).note
    note.write_text(note.read_text().replace('"frames": 2', '"frames": 5'))
    with pytest.raises(InputError, match="says \\(5, 32, 32\\)") as error:
        read_geometry(paths(tmp_path))
    assert "\n" not in str(error.value)
    note.write_text("[]")
    with pytest.raises(InputError, match="not a geometry file"):
        read_geometry(paths(tmp_path))


def test_contact_sheet(synthetic_head: HeadModel, tmp_path) -> None:
    mesh = TrackedMesh(synthetic_head, make_track(synthetic_head), "0")
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    sheet = GeometrySheet(3)
    for index in range(3):
        sheet.add(index, image, mesh.estimate(index, image))
    sheet.save(tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").stat().st_size > 1000
    assert len(sheet.coverage) == 3 and 0.05 < sheet.coverage[0] < 0.9
