"""DeepFace: faces cut out by landmarks, stand-in networks of the same signature, no network traffic ever."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotag.errors import InputError
from emotag.perception.action_units.protocol import FaceClip
from emotag.perception.emotion.deepface import DeepFaceEmotion
from emotag.perception.emotion.deepface_settings import DeepFaceSettings
from emotag.perception.emotion.engines import ENGINES, make_emotion
from emotag.perception.emotion.face_cut import cut_face
from emotag.perception.emotion.protocol import EMOTIONS, EmotionSettings, Sources, emotional_intensity

onnx = pytest.importorskip("onnx")
pytest.importorskip("deepface")


def write_network(path: Path, *, batch: int | str = "n", emotions: int = 7, seed: int = 0) -> None:
    """A network of the signature of DeepFace's: (n, 48, 48, 1) greys in 0-1 to probabilities."""
    helper, rng = onnx.helper, np.random.default_rng(seed)
    weights = rng.normal(0, 0.05, (48 * 48, emotions)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["face"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["emotion"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("face", onnx.TensorProto.FLOAT, [batch, 48, 48, 1])],
        [helper.make_tensor_value_info("emotion", onnx.TensorProto.FLOAT, [batch, emotions])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach the network fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def settings(tmp_path: Path) -> DeepFaceSettings:
    made = DeepFaceSettings(home=tmp_path / "deepface")
    write_network(made.weights)
    return made


def face_points(centre: tuple[float, float] = (120.0, 100.0), roll: float = 0.0) -> np.ndarray:  # (468, 3)
    """An ellipse of points, 100 wide and 140 high, the outer eye corners level before it is rolled."""
    angle = np.arange(468) / 468 * 2 * np.pi
    points = np.column_stack((50 * np.cos(angle), 70 * np.sin(angle), np.zeros(468)))
    points[33], points[263] = (-35, -20, 0), (35, -20, 0)
    turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return points @ turn + (*centre, 0)


def picture(seed: int = 0) -> np.ndarray:  # (220, 240, 3)
    noise = np.random.default_rng(seed).integers(0, 255, (22, 24, 3)).astype(np.uint8)
    return cv2.resize(noise, (240, 220), interpolation=cv2.INTER_CUBIC)


def sources(frames: int, valid: np.ndarray | None = None, images: int | None = None) -> Sources:
    points = np.stack([face_points()] * frames)
    seen = np.ones(frames, bool) if valid is None else valid
    points[~seen] = np.nan
    shown = [picture(i) for i in range(frames if images is None else images)]
    clip = FaceClip("ada", Path("ada.mp4"), points, seen, lambda: iter(shown))
    return Sources(lambda: pytest.fail("action units were asked for"), lambda: clip)


def test_cut_is_the_box_of_the_landmarks() -> None:
    y, x = np.mgrid[0:220, 0:240]
    image = np.stack((x, y, np.zeros_like(x)), axis=-1).astype(np.uint8)
    face = cut_face(image, face_points())
    assert face.shape == (140, 100, 3)
    np.testing.assert_array_equal(face[0, 0], image[30, 70])
    np.testing.assert_array_equal(face[-1, -1], image[169, 169])
    grown = cut_face(image, face_points(), margin=0.1)
    assert grown.shape == (168, 120, 3)
    np.testing.assert_array_equal(grown[14, 10], image[30, 70])


def test_a_rolled_face_is_levelled() -> None:
    image = cv2.GaussianBlur(picture(), (0, 0), 3)
    roll, centre = 0.3, (120.0, 100.0)
    turn = cv2.getRotationMatrix2D((centre[0] - 0.5, centre[1] - 0.5), -np.degrees(roll), 1.0)
    rolled = cv2.warpAffine(image, turn, (240, 220), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    upright, levelled = cut_face(image, face_points()), cut_face(rolled, face_points(roll=roll))
    assert levelled.shape == upright.shape
    assert np.abs(levelled.astype(float) - upright)[20:-20, 20:-20].mean() < 1.5
    left = cut_face(rolled, face_points(roll=roll), level=False)
    assert left.shape != upright.shape


def test_cut_refuses_what_is_no_face() -> None:
    with pytest.raises(ValueError, match="not finite"):
        cut_face(picture(), np.full((468, 3), np.nan))
    with pytest.raises(ValueError, match="pixels wide"):
        cut_face(picture(), face_points() * 0.01)


def test_smoke(settings: DeepFaceSettings) -> None:
    valid = np.ones(40, bool)
    valid[[3, 39]] = False
    engine = DeepFaceEmotion(settings)
    found = engine.read(sources(40, valid))
    assert found.shape == (40, 7) and np.isnan(found[~valid]).all()
    np.testing.assert_allclose(found[valid].sum(axis=1), 1)
    assert found[valid].std(axis=0).min() > 1e-3  # the pictures differ, and so do their emotions
    np.testing.assert_allclose(emotional_intensity(found)[valid], 1 - found[valid, EMOTIONS.index("neutral")])
    assert engine.version == "0.0.103" and len(engine.weights) == 16


def test_home_is_set_for_the_loading_only(settings: DeepFaceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACE_HOME", "/somewhere")
    DeepFaceEmotion(settings)
    assert os.environ["DEEPFACE_HOME"] == "/somewhere"
    monkeypatch.delenv("DEEPFACE_HOME")
    DeepFaceEmotion(settings)
    assert "DEEPFACE_HOME" not in os.environ


ANALYZE = """
import importlib.util, json, sys, types
import numpy as np
if importlib.util.find_spec("werkzeug") is None:  # deepface's web server: it names a class of uploads in passing
    for name in ("werkzeug", "werkzeug.datastructures"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["werkzeug.datastructures"].FileStorage = type("FileStorage", (), {})
from deepface.modules.demography import analyze
faces = list(np.load(sys.argv[1]).values())
found = analyze(faces, actions=["emotion"], detector_backend="skip", enforce_detection=False, silent=True)
print("found " + json.dumps([{name: float(p) for name, p in one[0]["emotion"].items()} for one in found]))
"""


def test_the_same_as_deepface_itself(settings: DeepFaceSettings, tmp_path: Path) -> None:
    """DeepFace.analyze of the same cut-out faces, in its own process: its percent and order are our probabilities."""
    faces = [np.ascontiguousarray(cut_face(picture(i), face_points())[..., ::-1]) for i in range(3)]
    np.savez(tmp_path / "faces.npz", *faces)
    env = {**os.environ, "DEEPFACE_HOME": str(settings.home), "DEEPFACE_BACKEND_ENGINE": "onnx"}
    command = [sys.executable, "-c", ANALYZE, str(tmp_path / "faces.npz")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=120)
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("found "))[6:])
    expected = np.array([[one[name] for name in EMOTIONS] for one in told]) / 100
    assert list(told[0]) == list(EMOTIONS)
    np.testing.assert_allclose(DeepFaceEmotion(settings).probabilities(faces), expected, atol=1e-6)
    np.testing.assert_allclose(DeepFaceEmotion(settings).read(sources(3)), expected, atol=1e-6)


def test_batches_do_not_matter(settings: DeepFaceSettings, tmp_path: Path) -> None:
    whole = DeepFaceEmotion(settings).read(sources(10))
    small = DeepFaceEmotion(settings.model_copy(update={"batch": 3})).read(sources(10))
    np.testing.assert_allclose(small, whole, atol=1e-6)
    single = DeepFaceSettings(home=tmp_path / "single")
    write_network(single.weights, batch=1)  # exported for one face
    np.testing.assert_allclose(DeepFaceEmotion(single).read(sources(10)), whole, atol=1e-6)


def test_exception(settings: DeepFaceSettings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 frames for 5 rows of landmarks"):
        DeepFaceEmotion(settings).read(sources(5, images=3))
    with pytest.raises(InputError, match=r"facial_expression_model_weights\.onnx: not found"):
        DeepFaceEmotion(DeepFaceSettings(home=tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
    wrong = DeepFaceSettings(home=tmp_path / "wrong")
    write_network(wrong.weights, emotions=5)
    with pytest.raises(InputError, match="no probabilities of 7 emotions"):
        DeepFaceEmotion(wrong).read(sources(2))
    wrong.weights.write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="not DeepFace's network") as told:
        DeepFaceEmotion(wrong)
    assert "\n" not in str(told.value)


def test_engines_and_what_they_lack(settings: DeepFaceSettings, tmp_path: Path) -> None:
    assert [engine.name for engine in ENGINES] == ["emfacs", "deepface"]
    assert make_emotion(EmotionSettings()).name == "emfacs"
    assert make_emotion(EmotionSettings(engine="deepface", deepface=settings)).name == "deepface"
    lacking = EmotionSettings(engine="deepface", deepface=DeepFaceSettings(home=tmp_path / "nowhere"))
    with pytest.raises(
        InputError, match=r"lacks DeepFace's emotion network: put it at .*set emotion\.engine to 'emfacs'"
    ):
        make_emotion(lacking)
