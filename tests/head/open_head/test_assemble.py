"""The open head as a HeadModel: whole, named, posable, storable."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.head.model import REGIONS, HeadModel
from emotag.head.open_head.anatomy import EYE_CENTRE, JAW_HINGE, NECK_BASE, NECK_JOINT
from emotag.head.open_head.assemble import neutral_surface, open_head
from emotag.head.open_head.identity import IDENTITY_MODES
from emotag.head.open_head.landmarks import MIRROR68, embed68
from emotag.head.open_head.sides import lid_sides, mouth_sides
from emotag.head.open_head.skin import neutral_skin
from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.surface import boundary_loops


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return open_head()


@pytest.fixture(scope="module")
def surface() -> HeadSurface:
    skin = neutral_skin()
    return neutral_surface(skin, embed68(skin))


def _posed(
    head: HeadModel, jaw: float = 0.0, neck: float = 0.0, eyes: float = 0.0, shape: torch.Tensor | None = None
) -> np.ndarray:
    zero = torch.zeros(1, 3)
    vertices = head.vertices(
        torch.zeros(head.n_shape) if shape is None else shape,
        torch.zeros(1, head.n_expression),
        torch.tensor([[jaw, 0.0, 0.0]]),
        torch.tensor([[0.0, neck, 0.0]]),
        torch.tensor([[0.0, eyes, 0.0, 0.0, eyes, 0.0]]),
        zero,
        zero,
    )
    return vertices[0].double().numpy()


def test_smoke(head: HeadModel) -> None:
    assert head.name == "open"
    assert 5000 < head.n_vertices < 8000
    assert head.n_shape == len(IDENTITY_MODES)
    assert head.n_expression == len(head.expression_names) == 54
    assert head.expression_names == tuple(sorted(head.expression_names))
    assert len(head.landmarks68.triangles) == 68
    assert len(head.landmarks468.triangles) == 0
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "skinning", "uvs"):
        tensor = getattr(head, name)
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all(), name
    assert int(head.faces.max()) == head.n_vertices - 1
    assert len(torch.unique(head.faces)) == head.n_vertices, "a vertex without a triangle"


def test_regions_are_named_and_filled(head: HeadModel) -> None:
    for name in (*REGIONS, "gums", "shoulders", "upper_lid", "lower_lid"):
        ids = head.regions[name]
        assert len(ids) > 0, name
        assert len(torch.unique(ids)) == len(ids)
        if name != "neck_bottom":
            assert torch.equal(ids, torch.sort(ids).values), name


def test_regions_do_not_overlap_where_they_must_not(head: HeadModel) -> None:
    apart = ("face", "mouth_interior", "left_eye", "right_eye", "scalp", "ears", "shoulders")
    ids = torch.cat([head.regions[name] for name in apart])
    assert len(torch.unique(ids)) == len(ids)
    assert torch.isin(head.regions["lips"], head.regions["face"]).all()
    inner = {"upper_teeth", "lower_teeth", "gums", "tongue"}
    for name in inner:
        assert torch.isin(head.regions[name], head.regions["mouth_interior"]).all()


def test_skin_and_lining_are_one_surface(surface: HeadSurface) -> None:
    kind = surface.part[surface.faces]
    soft = surface.faces[np.isin(kind, (Part.SKIN, Part.SOCKET)).all(1)]
    loops = boundary_loops(soft)
    assert len(loops) == 3, "only the shoulders' cut and what the eyeballs hide are open"
    assert max(loops, key=len).tolist()
    directed = np.concatenate([soft[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert len(np.unique(directed, axis=0)) == len(directed)


def test_no_triangle_is_degenerate(head: HeadModel) -> None:
    corners = head.template.double().numpy()[head.faces.numpy()]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert area.min() > 1e-9  # square metres: a thousandth of a square millimetre


def test_joints(head: HeadModel) -> None:
    eye = np.array(EYE_CENTRE)
    expected = np.stack((NECK_BASE, NECK_JOINT, JAW_HINGE, eye, eye * (-1, 1, 1))) / 1000
    joints = (head.joint_regressor.double() @ head.template.double()).numpy()
    np.testing.assert_allclose(joints, expected, atol=1e-5)
    np.testing.assert_allclose(head.joint_regressor.sum(1), 1, atol=1e-5)
    assert head.joint_regressor.abs().max() < 1.5, "no joint hangs on a single vertex"


def test_skinning(head: HeadModel) -> None:
    weights = head.skinning
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert weights.min() >= 0
    regions = head.regions
    np.testing.assert_allclose(weights[regions["shoulders"], 0], 1, atol=1e-6)
    np.testing.assert_allclose(weights[regions["scalp"]][:, 1:3].sum(1), 1, atol=2e-2)
    np.testing.assert_allclose(weights[regions["lower_teeth"], 2], 1)
    np.testing.assert_allclose(weights[regions["upper_teeth"], 1], 1)
    np.testing.assert_allclose(weights[regions["left_eye"], 3], 1)
    np.testing.assert_allclose(weights[regions["right_eye"], 4], 1)


def test_neck_bends_without_a_step(head: HeadModel) -> None:
    edges = torch.cat([head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]])
    step = (head.skinning[edges[:, 0], 0] - head.skinning[edges[:, 1], 0]).abs()
    assert step.max() < 0.4


def test_jaw_opens_downwards(head: HeadModel) -> None:
    moved = _posed(head, jaw=0.3) - _posed(head)
    assert np.all(moved[head.regions["lower_teeth"].numpy(), 1] < 0)
    np.testing.assert_allclose(moved[head.regions["upper_teeth"].numpy()], 0, atol=1e-5)
    marks = head.landmarks68
    opened = marks.points(torch.from_numpy(_posed(head, jaw=0.3)).float(), head.faces)
    assert 0.010 < opened[62, 1] - opened[66, 1] < 0.040


def test_eyes_and_neck_turn_about_their_joints(head: HeadModel) -> None:
    eyes = np.concatenate((head.regions["left_eye"].numpy(), head.regions["right_eye"].numpy()))
    gaze = _posed(head, eyes=0.3) - _posed(head)
    still = np.setdiff1d(np.arange(head.n_vertices), eyes)
    np.testing.assert_allclose(gaze[still], 0, atol=1e-6)
    left = head.regions["left_eye"].numpy()
    front = left[head.template[left, 2].argmax()]
    assert gaze[front, 0] > 0.002, "positive yaw turns towards the person's left"
    neck = _posed(head, neck=0.4) - _posed(head)
    np.testing.assert_allclose(neck[head.regions["shoulders"].numpy()], 0, atol=1e-5)
    assert neck[:, 0].max() > 0.03


def test_template_and_landmarks_are_symmetric(head: HeadModel) -> None:
    points = head.template.double().numpy()
    mirrored = points * (-1, 1, 1)
    order, other = (np.lexsort(np.round(array, 7).T) for array in (points, mirrored))
    np.testing.assert_allclose(points[order], mirrored[other], atol=1e-6)
    marks = head.landmarks68.points(head.template, head.faces).numpy()
    np.testing.assert_allclose(marks[MIRROR68], marks * (-1, 1, 1), atol=1e-6)


def test_uvs_do_not_fold(head: HeadModel) -> None:
    uvs = head.uvs.double().numpy()  # type: ignore[union-attr]
    assert uvs.min() >= 0
    assert uvs.max() <= 1
    corners = uvs[neutral_skin().faces]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert np.all(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0] > 0)


def test_sides_change_at_slit_and_fissure(surface: HeadSurface) -> None:
    skin = neutral_skin()
    mouth = mouth_sides(skin, surface.vertices, surface.part)
    slit = skin.rings["slit"]
    quarter = len(slit) // 4
    assert mouth[slit[0]] == 1
    assert mouth[slit[2 * quarter]] == -1
    assert mouth[slit[quarter]] == mouth[slit[3 * quarter]] == 0
    assert np.all(mouth[surface.part == Part.LOWER_TEETH] == -1)
    assert np.all(mouth[surface.vertices[:, 1] > 0] == 1)
    lids = lid_sides(skin, surface.vertices)
    margin = skin.rings["right/lid margin"]
    assert lids[margin[7]] == 1
    assert lids[margin[21]] == -1
    assert np.all(lids[surface.vertices[:, 1] < -0.03] == -1)


def test_identities_stay_heads(head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(3)
    shape = torch.randn(head.n_shape, generator=generator)
    moved = _posed(head, shape=shape) - _posed(head)
    assert 0.001 < np.linalg.norm(moved, axis=1).mean() < 0.02


def test_save_and_load(head: HeadModel, tmp_path: Path) -> None:
    head.save(tmp_path / "head.npz")
    again = HeadModel.load(tmp_path / "head.npz")
    assert again.name == head.name
    assert again.expression_names == head.expression_names
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "faces", "uvs"):
        assert torch.equal(getattr(again, name), getattr(head, name)), name
    assert {name: ids.tolist() for name, ids in again.regions.items()} == {
        name: ids.tolist() for name, ids in head.regions.items()
    }


def test_is_deterministic(head: HeadModel) -> None:
    neutral_skin.cache_clear()
    again = open_head()
    assert torch.equal(again.template, head.template)
    assert torch.equal(again.expression_basis, head.expression_basis)
    assert torch.equal(again.shape_basis, head.shape_basis)
