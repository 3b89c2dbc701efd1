import pickle
import struct
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from emotag.errors import InputError
from emotag.external.need import missing
from emotag.head.engines import ENGINES, make_head
from emotag.head.flame import load_flame
from emotag.head.flame_pickle import read_npy, read_pickle
from emotag.head.flame_pose import FlamePose
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
        made.__dict__ = {
            "x": array,
            "_dirty_vars": {"x"},
            "_itr": None,
            "_depends_on_deps": {},
            "_make_dense": False,
            "_make_sparse": False,
        }
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
    masks = _masks(small_head)
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

    masks["left_eyeball"], masks["right_eyeball"] = masks["right_eyeball"], masks["left_eyeball"]
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps(masks, protocol=2))
    with pytest.raises(InputError, match="'left_eyeball' is not where the model's left_eye is"):
        load_flame(settings)


def _masks(head):
    """FLAME_masks.pkl's names; the eyeballs where they are."""
    names = ("face", "lips", "scalp", "left_ear", "right_ear", "neck", "boundary", "nose", "forehead", "eye_region")
    eyes = {f"{side}_eyeball": head.regions[f"{side}_eye"].numpy() for side in ("left", "right")}
    return {name: np.arange(index, index + 4) for index, name in enumerate(names)} | eyes


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
    # VHAP's order: rows of 15 from the person's left, front at the root, front edge, then both rows of each back.
    rows = torch.arange(count, count + 120).reshape(8, 15)
    assert (model.template[rows, 0].diff(dim=1) < 0).all()
    assert torch.equal(upper, rows[[0, 2, 4, 5]].flatten()) and torch.equal(lower, rows[[1, 3, 6, 7]].flatten())
    height, depth = model.template[rows, 1].mean(1), model.template[rows, 2].mean(1)
    assert (height[[0, 4]] > height[[2, 5]]).all() and (height[[1, 6]] < height[[3, 7]]).all()
    assert (depth[[0, 2]] > depth[[4, 5]]).all() and (depth[[1, 3]] > depth[[6, 7]]).all()
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
    eyes = {name: marked_head.regions[name] for name in ("left_eye", "right_eye", "neck_bottom", "face")}
    model = add_teeth(complete(replace(marked_head, regions=eyes)))
    assert set(REGIONS) <= model.regions.keys()
    lips = model.template[model.regions["lips"]]
    assert len(lips) > 3 and lips[:, 1].min() > -0.065 and lips[:, 1].max() < -0.025 and lips[:, 2].min() > 0.06
    assert model.template[model.regions["scalp"], 1].max() == model.template[:, 1].max()
    assert not set(model.regions["scalp"].tolist()) & set(model.regions["face"].tolist())
    assert torch.equal(model.regions["mouth_interior"], torch.arange(marked_head.n_vertices, model.n_vertices))


PARENTS = (-1, 0, 1, 1, 1)


def by_loops(arrays, shape, expression, pose, translation, joints_follow_expression):
    """FLAME one vertex and one joint at a time; `pose` is root, neck, jaw, left eye, right eye."""
    count = len(arrays["v_template"])
    identity, face = np.zeros((count, 3)), np.zeros((count, 3))
    for column, coefficient in enumerate(shape):
        identity += coefficient * arrays["shapedirs"][..., column]
    for column, coefficient in enumerate(expression):
        face += coefficient * arrays["shapedirs"][..., 300 + column]
    person = arrays["v_template"] + identity
    joints = arrays["J_regressor"] @ (person + face if joints_follow_expression else person)
    turns = [Rotation.from_rotvec(angle) for angle in pose]
    rest = person + face
    column = 0
    for turn in turns[1:]:
        change = turn.as_matrix() - np.eye(3)
        for row in range(3):
            for entry in range(3):
                rest = rest + change[row, entry] * arrays["posedirs"][..., column]
                column += 1
    posed = np.zeros((count, 3))
    for joint in range(5):
        moved, at = rest, joint
        while at >= 0:  # turn about the joint, then about its parent, up to the root
            moved, at = turns[at].apply(moved - joints[at]) + joints[at], PARENTS[at]
        posed += arrays["weights"][:, joint : joint + 1] * moved
    return posed + translation


@pytest.mark.parametrize("released", [True, False])
def test_posed_as_an_independent_implementation_poses_it(flame_file, head_arrays, released):
    """From the pickle on: the paper's FLAME (joints of the shape) and its released code (joints of all)."""
    model = load_flame(HeadSettings(engine="flame", source=flame_file, identity_modes=300))
    random = np.random.default_rng(2)
    shape, expression = random.normal(size=300), random.normal(size=100)
    pose, translation = 0.4 * random.normal(size=(5, 3)), 0.1 * random.normal(size=3)
    want = by_loops(head_arrays, shape, expression, pose, translation, released)
    arguments = [torch.from_numpy(x).float()[None] for x in (expression, pose[2], pose[1], pose[3:].ravel(), pose[0])]
    moved = torch.from_numpy(translation).float()[None]
    made = (FlamePose.of(model) if released else model).vertices(torch.from_numpy(shape).float(), *arguments, moved)[0]
    np.testing.assert_allclose(made.numpy(), want, atol=2e-6)
    other = by_loops(head_arrays, shape, expression, pose, translation, not released)
    assert np.abs(other - want).max() > 1e-4  # metres: the two differ


def test_root_and_offset_of_the_released_code(flame_file, head_arrays):
    model = load_flame(HeadSettings(engine="flame", source=flame_file, identity_modes=300))
    random = np.random.default_rng(4)
    offset = 0.01 * random.normal(size=head_arrays["v_template"].shape)
    arrays = {**head_arrays, "v_template": head_arrays["v_template"] + offset}
    pose = FlamePose.of(model, torch.from_numpy(offset).float())
    zero, expression = torch.zeros(300), torch.from_numpy(random.normal(size=(1, 100))).float()
    turn, still = torch.tensor([[0.3, -0.2, 0.4]]), torch.zeros(1, 3)
    made = pose.vertices(zero, expression, still, still, torch.zeros(1, 6), turn, still)[0]
    angles = np.concatenate((turn.numpy(), np.zeros((4, 3))))
    want = by_loops(arrays, np.zeros(300), expression[0].numpy(), angles, np.zeros(3), True)
    np.testing.assert_allclose(made.numpy(), want, atol=2e-6)
    rest = by_loops(arrays, np.zeros(300), expression[0].numpy(), np.zeros((5, 3)), np.zeros(3), True)
    np.testing.assert_allclose(pose.root(zero, expression)[0].numpy(), head_arrays["J_regressor"][0] @ rest, atol=1e-6)


class Python2:
    """Writes the pickle stream that Python 2's cPickle (protocol 2) wrote of FLAME 2020, opcode by opcode."""

    def __init__(self):
        self.stream = b"\x80\x02"

    def text(self, value):
        self.stream += b"T" + struct.pack("<i", len(value)) + value  # BINSTRING: bytes, of no encoding

    def number(self, value):
        self.stream += b"J" + struct.pack("<i", value)

    def named(self, module, name):
        self.stream += b"c" + f"{module}\n{name}\n".encode()

    def dtype(self, kind):
        self.named("numpy", "dtype")
        self.text(kind.encode())
        self.number(0)
        self.number(1)
        self.stream += b"\x87R("  # TUPLE3, REDUCE, MARK
        self.number(3)
        self.text(b"<")
        self.stream += b"NNN"
        for value in (-1, -1, 0):
            self.number(value)
        self.stream += b"tb"  # TUPLE, BUILD

    def array(self, value, kind):
        self.named("numpy.core.multiarray", "_reconstruct")
        self.named("numpy", "ndarray")
        self.number(0)
        self.stream += b"\x85"  # TUPLE1
        self.text(b"b")
        self.stream += b"\x87R(K\x01("  # …, state: version 1, shape
        for side in value.shape:
            self.number(side)
        self.stream += b"t"
        self.dtype(kind)
        self.stream += b"\x89"  # False: C order
        self.text(np.ascontiguousarray(value, dtype="<" + kind).tobytes())
        self.stream += b"tb"

    def table(self, items):
        self.stream += b"}("
        for name, write in items.items():
            self.text(name.encode())
            write()
        self.stream += b"u"

    def chumpy(self, value):
        self.named("chumpy.ch", "Ch")
        self.stream += b")\x81"  # EMPTY_TUPLE, NEWOBJ

        def changed():
            self.named("__builtin__", "set")
            self.stream += b"]\x85R"

        def off():
            self.stream += b"\x89"

        self.table({"x": lambda: self.array(value, "f8"), "_dirty_vars": changed, "_itr": off, "_make_dense": off})
        self.stream += b"b"

    def sparse(self, value):
        self.named("scipy.sparse.csc", "csc_matrix")
        self.stream += b")\x81"

        def shape():
            for side in value.shape:
                self.number(side)
            self.stream += b"\x86"

        self.table(
            {
                "_shape": shape,
                "data": lambda: self.array(value.data, "f8"),
                "indices": lambda: self.array(value.indices, "i4"),
                "indptr": lambda: self.array(value.indptr, "i4"),
                "format": lambda: self.text(b"csc"),
                "maxprint": lambda: self.number(50),
            }
        )
        self.stream += b"b"


def test_a_file_that_python_2_wrote(head_arrays, small_head, tmp_path):
    """FLAME 2020's generic_model.pkl is one: raw bytes as text, old names of numpy and scipy, chumpy arrays."""
    writer = Python2()
    a = head_arrays
    writer.table(
        {
            "v_template": lambda: writer.chumpy(a["v_template"]),
            "shapedirs": lambda: writer.chumpy(a["shapedirs"]),
            "posedirs": lambda: writer.array(a["posedirs"], "f8"),
            "J_regressor": lambda: writer.sparse(csc_matrix(a["J_regressor"])),
            "weights": lambda: writer.array(a["weights"], "f8"),
            "kintree_table": lambda: writer.array(a["kintree_table"].astype(np.int64), "i8"),
            "f": lambda: writer.array(a["f"], "u4"),
            "bs_style": lambda: writer.text(b"lbs"),
        }
    )
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(writer.stream + b".")
    model = load_flame(HeadSettings(engine="flame", source=path, identity_modes=6, expression_modes=5))
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "skinning", "faces"):
        assert torch.equal(getattr(model, name), getattr(small_head, name)), name


def test_what_a_head_model_needs_is_told(flame_file, tmp_path):
    flame = next(engine for engine in ENGINES if engine.name == "flame")
    assert flame.paper and [need.found() for need in flame.needs(HeadSettings(engine="flame", source=flame_file))] == [
        True
    ]
    masks = tmp_path / "FLAME_masks.pkl"
    settings = HeadSettings(engine="flame", source=flame_file, flame_masks=masks)
    assert [need.name for need in missing(flame, settings)] == [str(masks)]
    with pytest.raises(
        InputError, match=r"head\.engine 'flame' lacks FLAME's vertex masks: .* set head\.engine to 'open'"
    ):
        make_head(settings, lambda image, box: None)
    nowhere = HeadSettings(engine="flame")
    assert missing(flame, nowhere)[0].name == "models/flame/flame2023.pkl"
    open_head = next(engine for engine in ENGINES if engine.open)
    assert missing(open_head, HeadSettings()) == ()


def test_flame_is_made_whole(flame_file, small_head):
    """Landmarks found by looking, regions and teeth: what `head.engine: flame` gives the DAG."""

    def detect(image, box):
        x, y, side = box  # marks lie where a face has them in its box
        spiral = np.arange(468) * 2.4  # radians: points all over the face
        far = 0.3 * np.sqrt(np.arange(468) / 468) * side
        marks = np.stack((x + 0.5 * side + far * np.cos(spiral), y + 0.45 * side + far * np.sin(spiral), 0 * far), 1)
        turn = np.linspace(np.pi, -np.pi, 20, endpoint=False)
        lips = np.stack((0.5 + 0.12 * np.cos(turn), 0.68 - 0.05 * np.sin(turn)), 1)
        marks[list(OUTER_LIPS_468), :2] = (x, y) + lips * side
        turn = np.linspace(np.pi / 2, -3 * np.pi / 2, 36, endpoint=False)
        oval = np.stack((0.5 + 0.4 * np.cos(turn), 0.5 - 0.42 * np.sin(turn)), 1)
        marks[list(FACE_OVAL_468), :2] = (x, y) + oval * side
        marks[[13, 14, 15], :2] = (x + 0.5 * side, y + 0.68 * side)
        return marks

    settings = HeadSettings(engine="flame", source=flame_file, identity_modes=20, fit_size=192, fit_heads=1)
    model, notes = make_head(settings, detect)
    assert model.name == "flame" and model.n_vertices == small_head.n_vertices + 120
    assert len(model.landmarks468.triangles) == 468 and len(model.landmarks68.triangles) == 68
    assert set(REGIONS) <= model.regions.keys() and len(model.regions["lips"]) > 3
    assert dict(notes)["shape, expression"] == "20, 100"
