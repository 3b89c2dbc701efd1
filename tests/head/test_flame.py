import pickle
import sys
import types

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix

from emotag.errors import InputError
from emotag.head.flame import load_flame
from emotag.head.flame_pickle import read_npy, read_pickle
from emotag.head.landmark_fit import with_landmarks
from emotag.head.model import REGIONS, HeadModel, LandmarkEmbedding
from emotag.head.regions import FACE_OVAL_468, OUTER_LIPS_468, complete
from emotag.head.settings import HeadSettings
from emotag.head.surface import nearest_on_surface
from emotag.head.teeth import add_teeth


@pytest.fixture
def chumpy(monkeypatch):
    """A class that pickles as chumpy's does; gone when the file is read."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        pass

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)

    def wrap(array):
        made = Ch()
        made.__dict__ = {"x": array, "_dirty_vars": set(), "_itr": None}
        return made

    return wrap


@pytest.fixture
def flame_file(head_arrays, chumpy, tmp_path, monkeypatch):
    """A pickle of FLAME 2020's structure: chumpy shapedirs, a sparse regressor, protocol 2, extra keys."""
    content = {
        **head_arrays,
        "J_regressor": csc_matrix(head_arrays["J_regressor"]),
        "bs_style": "lbs",
        "J": np.zeros((5, 3)),
    }
    content["shapedirs"] = chumpy(head_arrays["shapedirs"])
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    return path


def test_loads_flames_structure(flame_file, head_arrays, small_head):
    model = load_flame(HeadSettings(engine="flame", source=flame_file, identity_modes=6, expression_modes=5))
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "skinning", "faces"):
        assert torch.equal(getattr(model, name), getattr(small_head, name)), name
    assert torch.equal(model.regions["left_eye"], small_head.regions["left_eye"])
    assert sorted(model.regions["neck_bottom"].tolist()) == sorted(small_head.regions["neck_bottom"].tolist())
    face = model.template[model.regions["face"]]
    assert face[:, 2].min() > 0.02 and len(face) > 50


def test_all_modes_by_default_limits(flame_file):
    model = load_flame(HeadSettings(engine="flame", source=flame_file, identity_modes=300))
    assert (model.n_shape, model.n_expression) == (300, 100)


def test_masks_and_landmarks(flame_file, small_head, tmp_path):
    names = ("face", "lips", "scalp", "left_ear", "right_ear", "neck", "left_eyeball", "right_eyeball")
    masks = {name: np.arange(index, index + 4) for index, name in enumerate(names)}
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps(masks, protocol=2))
    embedding = {
        "full_lmk_faces_idx": np.arange(68)[None],
        "full_lmk_bary_coords": np.full((1, 68, 3), 1 / 3),
    }
    np.save(tmp_path / "landmark_embedding.npy", embedding, allow_pickle=True)
    settings = HeadSettings(
        engine="flame",
        source=flame_file,
        flame_masks=tmp_path / "FLAME_masks.pkl",
        flame_landmarks=tmp_path / "landmark_embedding.npy",
    )
    model = load_flame(settings)
    assert model.regions["ears"].tolist() == [3, 4, 5, 6, 7] and model.regions["scalp"].tolist() == [2, 3, 4, 5]
    assert model.landmarks68.triangles.tolist() == list(range(68))
    points = model.landmarks68.points(model.template, model.faces)
    torch.testing.assert_close(points[5], model.template[model.faces[5]].mean(0))


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_pickle_with_anything_else_is_refused_by_name(tmp_path, capsys):
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"v_template": Evil()}))
    with pytest.raises(InputError, match=r"holds a builtins\.print"):
        read_pickle(path)
    np.save(tmp_path / "evil.npy", np.array({"a": Evil()}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"builtins\.print"):
        read_npy(tmp_path / "evil.npy")
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(np.zeros(3))[:-20]])
def test_damaged_files(tmp_path, content):
    path = tmp_path / "damaged.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.pkl: .*copy"):
        read_pickle(path)


def test_a_sparse_matrix_that_points_outside_is_refused(tmp_path):
    matrix = csc_matrix(np.eye(3))
    matrix.indices = matrix.indices + 7
    path = tmp_path / "sparse.pkl"
    path.write_bytes(pickle.dumps(matrix))
    with pytest.raises(InputError, match="damaged"):
        read_pickle(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "no weights"),
        ({"posedirs": np.zeros((5, 3, 36))}, "posedirs has shape"),
        ({"shapedirs": np.zeros((7, 3, 10))}, "shapedirs has shape"),
        ({"kintree_table": np.zeros((2, 5), int)}, "kintree_table"),
    ],
)
def test_other_structures_are_refused(head_arrays, tmp_path, change, message):
    content = {key: value for key, value in {**head_arrays, **change}.items() if value is not None}
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=message):
        load_flame(HeadSettings(engine="flame", source=path))


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_flame(HeadSettings(engine="flame", source=tmp_path / "none.pkl"))


@pytest.fixture
def marked_head(small_head) -> HeadModel:
    """The small head with Face Mesh points: the lips and face contours where they belong, the rest on the nose."""
    points = np.tile([0.0, -0.01, 0.11], (468, 1))
    lips = np.linspace(np.pi, -np.pi, 20, endpoint=False)
    points[list(OUTER_LIPS_468)] = np.stack((0.025 * np.cos(lips), -0.045 + 0.010 * np.sin(lips), 0.1 + 0 * lips), 1)
    oval = np.linspace(np.pi / 2, -3 * np.pi / 2, 36, endpoint=False)
    points[list(FACE_OVAL_468)] = np.stack((0.07 * np.cos(oval), -0.02 + 0.075 * np.sin(oval), 0.06 + 0 * oval), 1)
    points[[13, 14, 15]] = (0.0, -0.045, 0.11)
    triangles, weights = nearest_on_surface(points, small_head.template.double().numpy(), small_head.faces.numpy())
    embedding = LandmarkEmbedding(torch.from_numpy(triangles), torch.from_numpy(weights).float())
    return with_landmarks(small_head, embedding)


def test_teeth(marked_head):
    count = marked_head.n_vertices
    model = add_teeth(marked_head)
    assert model.n_vertices == count + 120 and len(model.faces) == len(marked_head.faces) + 168
    upper, lower = model.regions["upper_teeth"], model.regions["lower_teeth"]
    assert len(upper) == len(lower) == 60
    assert (model.skinning[upper, 1] == 1).all() and (model.skinning[lower, 2] == 1).all()
    assert not model.expression_basis[:, count:].any() and not model.pose_basis[:, count:].any()
    assert torch.equal(model.shape_basis[:, upper], model.shape_basis[:, upper[:1]].expand(-1, 60, -1))
    torch.testing.assert_close(model.joint_regressor.sum(1), torch.ones(5))
    # The biting edges meet at the lips' seam, upper above lower; both stand behind the lips.
    front = model.landmarks468.points(model.template, model.faces)[list(OUTER_LIPS_468), 2].max()
    assert model.template[upper, 1].mean() > -0.045 > model.template[lower, 1].mean()
    assert model.template[upper, 2].max() < front - 0.005
    # Front faces look forwards, back faces backwards.
    teeth = model.faces[-168:]
    corners = model.template[teeth]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = torch.arange(14 * 2)[12:16]  # the middle columns of the first strip
    for band in (0, 84):
        assert (normal[band + middle, 2] > 0).all() and (normal[band + 56 + middle, 2] < 0).all()


def test_teeth_follow_head_and_jaw(marked_head):
    model = add_teeth(marked_head)
    zero = [torch.zeros(1, size) for size in (model.n_shape, model.n_expression)]
    still = torch.zeros(1, 3)
    rest = model.vertices(*zero, still, still, torch.zeros(1, 6), still, still)[0]
    open_ = model.vertices(*zero, torch.tensor([[0.3, 0, 0]]), still, torch.zeros(1, 6), still, still)[0]
    moved = open_ - rest
    torch.testing.assert_close(moved[model.regions["upper_teeth"]], torch.zeros(60, 3), atol=1e-7, rtol=0)
    assert (moved[model.regions["lower_teeth"], 1] < -0.01).all()


def test_regions_are_completed(marked_head):
    from dataclasses import replace

    eyes = {name: marked_head.regions[name] for name in ("left_eye", "right_eye", "neck_bottom", "face")}
    model = add_teeth(complete(replace(marked_head, regions=eyes)))
    assert set(REGIONS) <= model.regions.keys()
    lips = model.template[model.regions["lips"]]
    assert len(lips) > 3 and lips[:, 1].min() > -0.065 and lips[:, 1].max() < -0.025 and lips[:, 2].min() > 0.06
    assert model.template[model.regions["scalp"], 1].max() == model.template[:, 1].max()
    assert not set(model.regions["scalp"].tolist()) & set(model.regions["face"].tolist())
    assert torch.equal(model.regions["mouth_interior"], torch.arange(marked_head.n_vertices, model.n_vertices))
