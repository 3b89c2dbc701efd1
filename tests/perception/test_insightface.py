"""insightface: SCRFD behind our detector's protocol, ArcFace's embedding; stand-in networks of their signatures."""

import socket
from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.perception.crop import find_faces
from emotag.perception.crop_settings import CropSettings
from emotag.perception.detection.detector import KEYPOINTS
from emotag.perception.detection.engines import ENGINES, make_detector
from emotag.perception.detection.insightface_settings import InsightFaceSettings
from emotag.perception.detection.scrfd import Scrfd
from emotag.perception.identity.arcface import ArcFace
from emotag.perception.identity.engines import make_identity
from emotag.perception.identity.five_points import SIDE, align
from emotag.perception.identity.network_settings import ArcFaceSettings
from emotag.perception.identity.protocol import IdentitySettings

onnx = pytest.importorskip("onnx")
pytest.importorskip("insightface")

STRIDES = (8, 16, 32)
SEES = 16  # the stand-in finds red patches of this side, on the grid of this stride
HALF = 2.0  # of its boxes, strides
FIVE = ((-1.0, -1.0), (1.0, -1.0), (0.0, 0.0), (-0.5, 1.0), (0.5, 1.0))  # its points, strides from the patch


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach the network fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def write_scrfd(path: Path, *, points: bool = True, middle: int | None = None, half: float = HALF) -> None:
    """A network of det_10g's signature: (1, 3, H, W) RGB to scores, boxes and points on three grids, two a cell.

    Each cell of the grid of SEES answers how red its patch is; every box and all points are the same about its corner.
    With `middle`, the side of the square that pictures are fitted into, it finds one face in the middle of any picture.
    """
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    cells = 1 if middle is None else middle // SEES
    place = np.full((1, 2, cells, cells), 0.0 if middle is None else -1e4, np.float32)
    place[0, 0, cells // 2, cells // 2] = 0.0 if middle is None else 1e4
    made: dict[str, np.ndarray] = {
        "red": np.array([1.0, -0.5, -0.5], np.float32).reshape(1, 3, 1, 1) * np.ones((2, 1, 1, 1), np.float32),
        "box": np.full(8, half, np.float32),
        "nowhere": np.zeros((1, 2, 1, 1), np.float32),
        "place": place,
        "five": np.tile(np.ravel(FIVE), 2).astype(np.float32),
        "none8": np.zeros((8, 2, 1, 1), np.float32),
        "none20": np.zeros((20, 2, 1, 1), np.float32),
        **{f"rows{n}": np.array([-1, n], np.int64) for n in (1, 4, 10)},
    }
    nodes, outputs = [], {}
    for stride in STRIDES:
        s = str(stride)
        made[f"bias{s}"] = np.full(2, -1.5 if stride == SEES else -1e4, np.float32)
        made[f"sure{s}"] = np.array(40.0 if stride == SEES else 1.0, np.float32)
        pooled = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes += [
            helper.make_node("AveragePool", ["picture"], ["pool" + s], **pooled),
            helper.make_node("Conv", ["pool" + s, "red", "bias" + s], ["level" + s]),
            helper.make_node("Mul", ["level" + s, "sure" + s], ["logit" + s]),
            helper.make_node("Add", ["logit" + s, "place" if stride == SEES else "nowhere"], ["placed" + s]),
            helper.make_node("Sigmoid", ["placed" + s], ["map" + s]),
            helper.make_node("Conv", ["level" + s, "none8", "box"], ["boxes" + s]),
            helper.make_node("Conv", ["level" + s, "none20", "five"], ["fives" + s]),
        ]
        for kind, source, width in (("score", "map", 1), ("bbox", "boxes", 4), ("kps", "fives", 10)):
            nodes += [
                helper.make_node("Transpose", [source + s], [f"{kind}-t{s}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{kind}-t{s}", f"rows{width}"], [f"{kind}_{s}"]),
            ]
            outputs[f"{kind}_{s}"] = helper.make_tensor_value_info(f"{kind}_{s}", float32, [None, width])
    kinds = ("score", "bbox", "kps") if points else ("score", "bbox")
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("picture", float32, [1, 3, "h", "w"])],
        [outputs[f"{kind}_{stride}"] for kind in kinds for stride in STRIDES],
        [onnx.numpy_helper.from_array(value, name) for name, value in made.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture
def settings(tmp_path: Path) -> InsightFaceSettings:
    made = InsightFaceSettings(weights=tmp_path / "insightface" / "det.onnx", sides=(640,))
    write_scrfd(made.weights)
    return made


def patch(x: int, y: int, colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (640, 640)) -> np.ndarray:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[y : y + SEES, x : x + SEES] = colour
    return image


def test_a_face_with_its_points_in_our_order(settings: InsightFaceSettings) -> None:
    detector = Scrfd(settings)
    (face,) = detector.detect(patch(320, 160))
    half = HALF * SEES
    np.testing.assert_allclose(face.box, (320 - half, 160 - half, 320 + half, 160 + half), atol=1e-3)
    assert face.score > 0.9 and face.side == pytest.approx(2 * half)
    named = dict(zip(KEYPOINTS, face.keypoints))
    np.testing.assert_allclose(named["right_eye"], (304, 144), atol=1e-3)  # the person's own: left in the image
    np.testing.assert_allclose(named["left_eye"], (336, 144), atol=1e-3)
    np.testing.assert_allclose(named["nose_tip"], (320, 160), atol=1e-3)
    np.testing.assert_allclose(named["mouth_centre"], (320, 176), atol=1e-3)
    assert np.isnan(named["right_ear"]).all() and np.isnan(named["left_ear"]).all()
    assert detector.engine == "insightface" and detector.version == "insightface-2.1" and len(detector.digest) == 16


def test_a_stand_in_that_sees_one_in_the_middle_of_any_picture(tmp_path: Path) -> None:
    """What the whole pipeline is tried with (tests/e2e/stand_ins.py): it follows its own window, too."""
    write_scrfd(tmp_path / "det.onnx", middle=640, half=8.0)
    detector = Scrfd(InsightFaceSettings(weights=tmp_path / "det.onnx", sides=(640,)))
    noise = np.random.default_rng(0).integers(0, 255, (6, 256, 256, 3)).astype(np.uint8)
    faces = find_faces(noise, detector, CropSettings(), "clip.mp4")
    np.testing.assert_allclose(faces.centre, 128, atol=1)
    np.testing.assert_allclose(faces.side, 0.4 * 256, atol=1)


def test_red_stays_red(settings: InsightFaceSettings) -> None:
    assert Scrfd(settings).detect(patch(320, 160, (0, 0, 255))) == []


def test_pictures_of_any_shape(settings: InsightFaceSettings) -> None:
    wide = np.zeros((640, 1280, 3), np.uint8)
    wide[320:352, 960:992] = (255, 0, 0)  # at half scale one cell
    (face,) = Scrfd(settings).detect(wide)
    np.testing.assert_allclose(face.centre, (960, 320), atol=1e-3)
    assert face.side == pytest.approx(4 * HALF * SEES)
    assert Scrfd(settings).detect(np.zeros((1, 40, 3), np.uint8)) == []
    two = patch(64, 64)
    two[400:416, 400:416] = (230, 0, 0)
    scores = [face.score for face in Scrfd(settings).detect(two)]
    assert len(scores) == 2 and scores[0] > scores[1]


def test_the_least_score_counts(settings: InsightFaceSettings) -> None:
    dim = patch(320, 160, (180, 0, 0))
    (face,) = Scrfd(settings, min_score=0.01).detect(dim)
    assert 0.01 < face.score < 0.1
    assert Scrfd(settings, min_score=0.5).detect(dim) == []


def test_a_clip_is_followed(settings: InsightFaceSettings) -> None:
    """Every fifth frame is searched whole, the others in a window: the detector must be the same in both."""
    detector = Scrfd(settings.model_copy(update={"sides": (160, 640)}))  # 160: the window about a face of 64
    path = [160 + 16 * (i // 4) for i in range(12)]
    faces = find_faces([patch(x, 320) for x in path], detector, CropSettings(), "clip.mp4")
    assert faces.valid.all() and faces.score.min() > 0.9
    np.testing.assert_allclose(faces.centre, [(x, 320) for x in path], atol=2)
    np.testing.assert_allclose(faces.side, 2 * HALF * SEES, atol=4)


def test_exception(settings: InsightFaceSettings, tmp_path: Path) -> None:
    def refused(changes: dict[str, object], match: str) -> None:
        with pytest.raises(InputError, match=match) as told:
            Scrfd(settings.model_copy(update=changes))
        assert "\n" not in str(told.value)

    refused({"sides": (100,)}, "multiples of 32")
    refused({"weights": tmp_path / "none.onnx"}, "not found")
    (tmp_path / "bad.onnx").write_bytes(b"<html>")
    refused({"weights": tmp_path / "bad.onnx"}, "not a network in ONNX")
    write_scrfd(tmp_path / "bare.onnx", points=False)
    refused({"weights": tmp_path / "bare.onnx"}, "has 6 outputs, not SCRFD's")
    write_arcface(tmp_path / "face.onnx")
    refused({"weights": tmp_path / "face.onnx"}, "has 1 outputs, not SCRFD's")


def test_engines_and_what_they_lack(settings: InsightFaceSettings, tmp_path: Path) -> None:
    assert [engine.name for engine in ENGINES] == ["blazeface", "insightface"]
    there = CropSettings(engine="insightface", insightface=settings)
    assert make_detector(there, tmp_path).engine == "insightface"
    lacking = CropSettings(engine="insightface", insightface=InsightFaceSettings(weights=tmp_path / "none.onnx"))
    with pytest.raises(InputError, match=r"lacks SCRFD's weights: put it at .*set crop\.engine to 'blazeface'"):
        make_detector(lacking, tmp_path)
    named = CropSettings(engine="insightface")
    (_, weights) = next(engine for engine in ENGINES if engine.name == "insightface").needs(named)
    assert weights.name == "models/insightface/det_10g.onnx" and weights.member == "det_10g.onnx" and weights.sha256


def write_arcface(path: Path, *, width: int = 512) -> np.ndarray:  # (192, width)
    """A network of w600k_r50's signature: means over 14² patches, times the weights that are given back."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    weights = np.random.default_rng(2).normal(size=(192, width)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input.1"], ["pooled"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["683"]),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("input.1", float32, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("683", float32, ["n", width])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return weights


def test_arcface_takes_red_first_in_minus_one_to_one(tmp_path: Path) -> None:
    weights = write_arcface(tmp_path / "w600k.onnx")
    engine = make_identity(IdentitySettings(engine="arcface", arcface=ArcFaceSettings(weights=tmp_path / "w600k.onnx")))
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 130, (2, 468, 3))
    images = [rng.integers(0, 255, (150, 150, 3)).astype(np.uint8) for _ in range(2)]
    rows = []
    for image, face in zip(images, points):
        scaled = align(image, face).astype(float).transpose(2, 0, 1) / 127.5 - 1
        row = scaled.reshape(3, 8, 14, 8, 14).mean(axis=(2, 4)).reshape(-1) @ weights
        rows.append(row / np.linalg.norm(row))
    expected = np.mean(rows, axis=0)
    np.testing.assert_allclose(engine.embed(points, images), expected / np.linalg.norm(expected), atol=1e-5)
    assert engine.name == "arcface" and engine.version == "insightface-2.1" and engine.open_mouth_cost == 0
    write_arcface(tmp_path / "narrow.onnx", width=128)
    with pytest.raises(InputError, match="no embedding of 512 numbers"):
        ArcFace(ArcFaceSettings(weights=tmp_path / "narrow.onnx"))
