"""AdaFace: the five points, the checkpoint's names, loading without running code, the ranking of frames."""

import argparse
import os
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.perception.identity.adaface import AdaFace, prepare
from emotag.perception.identity.checkpoint import read_state
from emotag.perception.identity.engines import ENGINES, make_identity
from emotag.perception.identity.five_points import POINTS, SIDE, TEMPLATE, align, five_points, similarity
from emotag.perception.identity.ir_network import IRNetwork, Unit, load_ir, units_of
from emotag.perception.identity.network_settings import AdaFaceSettings
from emotag.perception.identity.protocol import IdentitySettings, mean_direction, most_neutral

SHALLOW = (1, 1, 1, 1)


def face_points(matrix: np.ndarray | None = None) -> np.ndarray:  # (468, 3)
    """Points whose five lie on the template, or where a matrix (2, 3) puts it; our pixels."""
    places = TEMPLATE if matrix is None else TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    points = np.zeros((468, 3))
    for ids, place in zip(POINTS, places):
        points[list(ids), :2] = place + 0.5
    return points


def turned(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:  # (2, 3)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def test_similarity_recovers_a_known_one_and_never_mirrors() -> None:
    matrix = turned(2.5, 0.4, (30, -12))
    moved = TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(similarity(TEMPLATE, moved), matrix, atol=1e-9)
    mirrored = similarity(TEMPLATE * (-1, 1), TEMPLATE)
    assert np.linalg.det(mirrored[:, :2]) > 0
    with pytest.raises(ValueError, match="one spot"):
        similarity(np.ones((5, 2)), TEMPLATE)


def test_similarity_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    x, y = source.T
    one, zero = np.ones(5), np.zeros(5)
    system = np.concatenate((np.column_stack((x, -y, one, zero)), np.column_stack((y, x, zero, one))))
    a, b, p, q = np.linalg.lstsq(system, target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity(source, target), [[a, -b, p], [b, a, q]], atol=1e-9)


@pytest.mark.parametrize("scale", [0.8, 2.0, 6.0])
def test_align_lays_the_five_points_on_the_template(scale: float) -> None:
    matrix = turned(scale, 0.2, (40, 30))
    image = np.zeros((int(160 * scale), int(170 * scale), 3), np.uint8)
    points = face_points(matrix)
    for x, y in five_points(points) - 0.5:
        cv2.circle(image, (round(x), round(y)), max(1, round(1.5 * scale)), (255, 255, 255), -1, cv2.LINE_AA)
    face = align(image, points)
    assert face.shape == (SIDE, SIDE, 3)
    for x, y in TEMPLATE:
        patch = face[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5, 0].astype(float)
        rows, columns = np.mgrid[-4:5, -4:5]
        centre = np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum() + (round(x), round(y))
        np.testing.assert_allclose(centre, (x, y), atol=0.6)


def test_the_eye_on_the_left_of_the_image_is_the_persons_right_one() -> None:
    right_eye_outer, left_eye_outer = 33, 263
    assert right_eye_outer in POINTS[0] and left_eye_outer in POINTS[1] and TEMPLATE[0, 0] < TEMPLATE[1, 0]
    assert five_points(np.zeros((7, 468, 3))).shape == (7, 5, 2)


def test_pixels_are_blue_first_in_minus_one_to_one() -> None:
    face = np.zeros((SIDE, SIDE, 3), np.uint8)
    face[..., 0] = 255  # red
    made = prepare(face)
    assert made.shape == (1, 3, SIDE, SIDE) and made.dtype == np.float32
    assert made[0, :, 0, 0].tolist() == [-1.0, -1.0, 1.0]


def test_names_and_shapes_are_those_of_the_checkpoint() -> None:
    with torch.device("meta"):
        network = IRNetwork((3, 4, 14, 3))
    state = network.state_dict()
    assert network.layers == 50 and len(network.body) == 24
    expected = {
        "input_layer.0.weight": (64, 3, 3, 3), "input_layer.1.running_mean": (64,), "input_layer.2.weight": (64,),
        "body.0.res_layer.0.weight": (64,), "body.0.res_layer.1.weight": (64, 64, 3, 3),
        "body.0.res_layer.3.weight": (64,), "body.3.shortcut_layer.0.weight": (128, 64, 1, 1),
        "body.3.shortcut_layer.1.running_var": (128,), "body.23.res_layer.4.weight": (512, 512, 3, 3),
        "body.23.res_layer.5.num_batches_tracked": (), "output_layer.0.weight": (512,),
        "output_layer.3.weight": (512, 25088), "output_layer.3.bias": (512,), "output_layer.4.running_mean": (512,),
    }  # fmt: skip
    assert expected == {name: tuple(state[name].shape) for name in expected}
    assert "body.0.shortcut_layer.0.weight" not in state and "output_layer.4.weight" not in state
    assert "input_layer.0.bias" not in state
    assert round(sum(value.numel() for value in network.parameters()) / 1e6, 2) == 43.59  # as published for IR-50
    assert units_of(state) == (3, 4, 14, 3)


def test_a_unit_is_what_its_description_says() -> None:
    torch.manual_seed(0)
    unit = Unit(4, 6, 2).eval()
    for norm in (module for module in unit.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2), norm.weight.data.normal_()

    def normed(x: torch.Tensor, norm: torch.nn.BatchNorm2d) -> torch.Tensor:
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return (x - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]

    x = torch.randn(2, 4, 8, 8)
    norm_a, conv_a, norm_b, prelu, conv_b, norm_c = unit.res_layer
    y = normed(torch.nn.functional.conv2d(normed(x, norm_a), conv_a.weight, padding=1), norm_b)
    y = torch.where(y > 0, y, y * prelu.weight[:, None, None])
    y = normed(torch.nn.functional.conv2d(y, conv_b.weight, stride=2, padding=1), norm_c)
    conv, norm = unit.shortcut_layer
    shortcut = normed(torch.einsum("oi,bihw->bohw", conv.weight[:, :, 0, 0], x[:, :, ::2, ::2]), norm)
    torch.testing.assert_close(unit(x), y + shortcut)
    same = Unit(4, 4, 2).eval()
    torch.testing.assert_close(same(x) - same.res_layer(x), x[:, :, ::2, ::2])


@pytest.fixture(scope="module")
def network() -> IRNetwork:
    torch.manual_seed(0)
    made = IRNetwork(SHALLOW).eval()
    for norm in (module for module in made.modules() if hasattr(module, "running_mean")):
        norm.running_mean.normal_(std=0.1), norm.running_var.uniform_(0.5, 1.5)
    return made


class Trap:
    """Runs a command when a careless loader meets it."""

    def __init__(self, path: Path, function: object) -> None:
        self.path, self.function = path, function

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return self.function, (f"__import__('pathlib').Path({str(self.path)!r}).touch()",)


@pytest.fixture(scope="module")
def checkpoint(network: IRNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a trainer leaves: weights with a prefix, a head of its own, objects of packages that are not here."""
    folder = tmp_path_factory.mktemp("adaface")
    trainer = types.ModuleType("a_trainer")
    trainer.Callback = type("Callback", (), {"__module__": "a_trainer"})
    sys.modules["a_trainer"] = trainer
    callback = trainer.Callback()
    callback.best = Path("somewhere")
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    path = folder / "adaface_ir10.ckpt"
    content = {
        "epoch": 25, "state_dict": state | {"head.kernel": torch.zeros(512, 10)}, "callbacks": {"c": callback},
        "hyper_parameters": argparse.Namespace(arch="ir_10", root=Path("data")), "trap": Trap(folder / "sprung", exec),
    }  # fmt: skip
    torch.save(content, path)
    del sys.modules["a_trainer"]
    return path


def images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cv2.resize(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8), (150, 140)) for _ in range(count)]


def test_a_checkpoint_gives_the_mean_direction_of_its_network(network: IRNetwork, checkpoint: Path) -> None:
    engine = AdaFace(AdaFaceSettings(weights=checkpoint))
    assert (engine.name, engine.version, engine.open_mouth_cost) == ("adaface", "ir10", 0.0)
    points = np.stack([face_points(turned(1.0 + 0.02 * i, 0.1 * i, (10, 8))) for i in range(3)])
    found = engine.embed(points, iter(images(3)))
    assert found.shape == (512,) and np.linalg.norm(found) == pytest.approx(1)
    with torch.inference_mode():
        faces = np.concatenate([prepare(align(image, face)) for image, face in zip(images(3), points)])
        raw = network(torch.from_numpy(faces)).numpy()
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    expected = unit.mean(axis=0) / np.linalg.norm(unit.mean(axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError):
        engine.embed(points, images(2))


def test_nothing_of_a_checkpoint_is_run(checkpoint: Path) -> None:
    state = read_state(checkpoint, "model.")
    sprung = checkpoint.parent / "sprung"
    assert not sprung.exists()
    torch.save({"trap": Trap(sprung, os.system)}, checkpoint.with_name("trap.ckpt"))
    with pytest.raises(InputError, match=r"that can be trusted \(.*system"):
        read_state(checkpoint.with_name("trap.ckpt"), "model.")
    assert not sprung.exists()
    assert "head.kernel" not in state and all(isinstance(value, torch.Tensor) for value in state.values())


def test_loading_twice_is_the_same(network: IRNetwork, checkpoint: Path) -> None:
    loaded = load_ir(read_state(checkpoint, "model."))
    assert not loaded.training and not any(value.requires_grad for value in loaded.parameters())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)


def write_onnx(path: Path, *, width: int = 512, side: int = 112, batch: int | str = "n") -> np.ndarray:
    """A network of a recognition network's signature: means over 14² patches, times the weights that are given back."""
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    patches = 3 * (side // 14) ** 2
    weights = np.random.default_rng(1).normal(size=(patches, width)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["face"], ["pooled"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
        helper.make_node("ReduceL2", ["embedding"], ["norm"], axes=[1]),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("face", float32, [batch, 3, side, side])],
        [
            helper.make_tensor_value_info("norm", float32, [batch, 1]),
            helper.make_tensor_value_info("embedding", float32, [batch, width]),
        ],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return weights


@pytest.mark.parametrize("batch", ["n", 1])
def test_an_onnx_export(tmp_path: Path, batch: int | str) -> None:
    weights = write_onnx(tmp_path / "adaface.onnx", batch=batch)
    engine = AdaFace(AdaFaceSettings(weights=tmp_path / "adaface.onnx"))
    points, image = face_points(turned(1.0, 0.0, (10, 8)))[None], images(1)[0]
    face = prepare(align(image, points[0]))[0]
    pooled = face.reshape(3, 8, 14, 8, 14).mean(axis=(2, 4)).reshape(-1) @ weights
    np.testing.assert_allclose(engine.embed(points, [image]), pooled / np.linalg.norm(pooled), atol=1e-5)
    assert engine.version == "onnx" and len(engine.weights) == 16


def test_exception(tmp_path: Path, checkpoint: Path) -> None:
    def refused(path: Path, match: str) -> None:
        with pytest.raises(InputError, match=match) as told:
            AdaFace(AdaFaceSettings(weights=path))
        assert "\n" not in str(told.value) and str(path) in str(told.value)

    refused(tmp_path / "none.ckpt", "not found")
    refused(tmp_path / "none.onnx", "not found")
    (tmp_path / "bad.ckpt").write_bytes(b"<html>")
    refused(tmp_path / "bad.ckpt", "not a checkpoint")
    (tmp_path / "bad.onnx").write_bytes(b"<html>")
    refused(tmp_path / "bad.onnx", "not a network in ONNX")
    torch.save({"state_dict": {"backbone.weight": torch.zeros(2)}}, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", "no names that begin with 'model.'")
    torch.save({"state_dict": {"model.weight": torch.zeros(2)}}, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", "not the layers of an IR network")
    kept = {f"model.{name}": value for name, value in read_state(checkpoint, "model.").items()}
    del kept["model.output_layer.3.bias"]
    torch.save({"state_dict": kept}, tmp_path / "cut.ckpt")
    refused(tmp_path / "cut.ckpt", r"output_layer\.3\.bias")
    write_onnx(tmp_path / "wide.onnx", width=128)
    refused(tmp_path / "wide.onnx", "no embedding of 512 numbers")
    write_onnx(tmp_path / "big.onnx", side=224)
    refused(tmp_path / "big.onnx", r"takes .*224.*, expected \(any, 3, 112, 112\)")


def test_frames_are_ranked_by_the_teacher_alone_where_the_engine_does_not_mind_the_mouth() -> None:
    neutral = np.array([0.9, 0.95, 0.2, np.nan, 0.8, 0.7])
    mouth = np.array([0.0, 4.0, 0.0, 0.0, 0.0, 0.1])
    assert most_neutral(neutral, mouth, 2, AdaFace.open_mouth_cost).tolist() == [0, 1]
    assert most_neutral(neutral, mouth, 2).tolist() == [0, 4]
    assert most_neutral(neutral, np.full(6, np.nan), 5, 0.0).tolist() == [0, 1, 2, 4, 5]


def test_mean_direction() -> None:
    rows = np.zeros((2, 512))
    rows[0, 0], rows[1, 1] = 5.0, 0.1
    np.testing.assert_allclose(mean_direction(rows)[:2], np.sqrt(0.5))  # lengths do not count
    for bad in (np.zeros((1, 512)), np.full((1, 512), np.nan), np.array([[1.0, 0], [-1, 0]])):
        with pytest.raises(ValueError):
            mean_direction(bad)


def test_engines_and_what_they_lack(tmp_path: Path, checkpoint: Path) -> None:
    assert [engine.name for engine in ENGINES] == ["descriptor", "adaface", "arcface"]
    assert make_identity(IdentitySettings()).name == "descriptor"
    lacking = IdentitySettings(engine="adaface", adaface=AdaFaceSettings(weights=tmp_path / "none.ckpt"))
    with pytest.raises(InputError, match=r"lacks AdaFace's weights: put it at .*set identity\.engine to 'descriptor'"):
        make_identity(lacking)
    there = IdentitySettings(engine="adaface", adaface=AdaFaceSettings(weights=checkpoint))
    assert make_identity(there).name == "adaface"
