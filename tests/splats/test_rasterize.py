"""The CPU kernel against the dense reference in float64 (and, on a GPU, gsplat against both), values and gradients."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.splats import reference
from emotag.splats.cpu import compilation, dealing
from emotag.splats.cpu.compositing import falloff
from emotag.splats.rasterize import Render, camera_place, rasterize, splat_normals

TOLERANCE = 1e-4
"""Largest difference, relative to the largest value of the tensor."""

Scene = dict[str, Tensor]


def make_scene(frames: int = 1, count: int = 150, coefficients: int = 1, extra: int = 0, size: float = 0.01) -> Scene:
    """Splats of many shapes before, beside and behind the camera; size is their median scale in metres."""
    generator = torch.Generator().manual_seed(count + 7 * coefficients)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    means = normal(frames, count, 3) * torch.tensor([0.12, 0.12, 0.1])
    means[:, ::17, 2] += 1.0  # at the camera or behind it
    means[:, ::13, 0] += 0.4  # off screen
    scene = {
        "means": means,
        "quaternions": normal(frames, count, 4) * 3,
        "scales": size * torch.exp(0.8 * normal(frames, count, 3)),
        "opacities": torch.sigmoid(2 * normal(count)),
        "sh": 0.6 * normal(count, coefficients, 3),
    }
    if extra:
        scene["features"] = normal(count, extra)
    return scene


def render(function: Any, scene: Scene, camera: Camera, dtype: torch.dtype, **options: Any) -> Render:
    tensors = {name: value.to(dtype) for name, value in scene.items()}
    view, intrinsics = camera.view_matrix().to(dtype), camera.intrinsics().to(dtype)
    return function(
        **tensors, view_matrix=view, intrinsics=intrinsics, width=camera.width, height=camera.height, **options
    )


def images(result: Render) -> dict[str, Tensor]:
    return {name: value for name, value in vars(result).items() if value is not None}


def decided(scene: Scene, camera: Camera, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Tensor:
    """Pixels (B, H, W) at which no rounding can turn the choice at alpha = 1/255 or at transmittance 1e-4."""
    results = []
    for factor in (1 - 2e-5, 1 + 2e-5):
        with monkeypatch.context() as patch:
            patch.setattr(reference, "ALPHA_MIN", float(reference.ALPHA_MIN) * factor)
            patch.setattr(reference, "TRANSMITTANCE_MIN", float(reference.TRANSMITTANCE_MIN) * factor)
            results.append(render(reference.rasterize, scene, camera, torch.float64, **options).alpha[..., 0])
    return (results[0] - results[1]).abs() < 1e-12


def values_and_gradients(
    function: Any, scene: Scene, camera: Camera, dtype: torch.dtype, mask: Tensor, device: str = "cpu", **options: Any
) -> dict[str, Tensor]:
    leaves = {name: value.to(device, dtype, copy=True).requires_grad_() for name, value in scene.items()}
    view, intrinsics = camera.view_matrix().to(device, dtype), camera.intrinsics().to(device, dtype)
    result = function(
        **leaves, view_matrix=view, intrinsics=intrinsics, width=camera.width, height=camera.height, **options
    )
    generator = torch.Generator().manual_seed(3)
    loss = torch.zeros((), dtype=torch.float64, device=device)
    for value in images(result).values():
        weight = torch.randn(value.shape, generator=generator, dtype=torch.float64) * mask[..., None]
        loss = loss + (value.double() * weight.to(device)).sum()
    loss.backward()
    out = {name: value.detach().double().cpu() * mask[..., None] for name, value in images(result).items()}
    return out | {f"d_{name}": leaf.grad.double().cpu() for name, leaf in leaves.items() if leaf.grad is not None}


def assert_agree(actual: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = TOLERANCE) -> None:
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].shape == value.shape
        assert actual[name].isfinite().all(), name
        error = float((actual[name] - value).abs().max() / value.abs().max().clamp_min(1e-12)) if value.numel() else 0.0
        assert error < tolerance, f"{name}: {error:.1e}"


def compare(scene: Scene, camera: Camera, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, Tensor]:
    mask = decided(scene, camera, monkeypatch, **options)
    assert mask.double().mean() > 0.95
    expected = values_and_gradients(reference.rasterize, scene, camera, torch.float64, mask, **options)
    assert_agree(values_and_gradients(rasterize, scene, camera, torch.float32, mask, **options), expected)
    return expected


@pytest.mark.parametrize(
    ("frames", "coefficients", "extra", "with_depth", "width", "height"),
    [
        (1, 1, 0, False, 64, 64),
        (3, 1, 0, True, 50, 37),
        (1, 4, 3, False, 33, 70),
        (3, 9, 1, True, 47, 31),
        (1, 16, 5, True, 17, 16),
        (2, 16, 0, False, 1, 1),
    ],
)
def test_agrees_with_the_reference(
    frames: int, coefficients: int, extra: int, with_depth: bool, width: int, height: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    scene = make_scene(frames, 150, coefficients, extra)
    expected = compare(scene, Camera(2.0, width, height), monkeypatch, with_depth=with_depth)
    assert expected["alpha"].max() > 0.1
    assert expected["d_means"].abs().max() > 0


@pytest.mark.parametrize("size", [1e-5, 1e-3, 0.1, 3.0])
def test_agrees_for_tiny_and_huge_splats(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(make_scene(1, 60, 4, 2, size), Camera(2.0, 40, 32), monkeypatch, with_depth=True)


def test_agrees_where_pixels_saturate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opaque layers: the stop at transmittance 1e-4, and the splats behind it, which get no gradient."""
    scene = make_scene(1, 120, 1, 1, size=0.05)
    scene["opacities"] = 0.9 + 0.0999 * scene["opacities"]
    expected = compare(scene, Camera(2.0, 40, 40), monkeypatch, with_depth=True)
    assert (expected["alpha"] > 0.999).any()
    assert (expected["d_opacities"] == 0).any()


def test_agrees_for_an_off_centre_window_and_a_turned_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    class Window(Camera):
        def intrinsics(self, device: torch.device | None = None) -> Tensor:
            return torch.tensor([[90.0, 0.0, -3.0], [0.0, 70.0, 41.0], [0.0, 0.0, 1.0]])

        def view_matrix(self, device: torch.device | None = None) -> Tensor:
            turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
            turn = turn * torch.linalg.det(turn)
            return torch.cat((torch.cat((turn, torch.tensor([[0.02], [0.1], [0.6]])), 1), torch.eye(4)[3:]))

    compare(make_scene(2, 120, 9), Window(1.0, 40, 33), monkeypatch, with_depth=True)


def test_parameters_of_a_frame_or_of_all() -> None:
    """(N, …) parameters equal (B, N, …) copies of them; their gradient is the sum of the copies'."""
    scene, camera = make_scene(3, 80, 4, 2), Camera(2.0, 40, 30)
    everywhere = torch.ones(3, 30, 40, dtype=torch.float64)
    shared = values_and_gradients(rasterize, scene, camera, torch.float32, everywhere)
    copies = scene | {name: scene[name].expand(3, *scene[name].shape) for name in ("opacities", "sh", "features")}
    separate = values_and_gradients(rasterize, copies, camera, torch.float32, everywhere)
    assert torch.equal(separate["colour"], shared["colour"])
    for name in ("d_opacities", "d_sh", "d_features"):
        torch.testing.assert_close(separate[name].sum(0), shared[name], rtol=1e-4, atol=1e-4)


def test_finite_differences() -> None:
    """The kernel's gradient is that of the kernel's own loss.

    The splats are wider than the image: at the rim of alpha = 1/255 the image jumps, which no gradient can see.
    """
    scene, camera = make_scene(1, 12, 4, 2, size=0.15), Camera(2.0, 12, 10)
    scene["means"] *= 0.3
    scene["means"][..., 2] = scene["means"][..., 2].clamp(-0.1, 0.1)
    scene["scales"] = scene["scales"].clamp(0.3, 0.6)
    scene["opacities"] = 0.1 + 0.4 * scene["opacities"]
    generator = torch.Generator().manual_seed(0)
    shapes = {
        name: value.shape
        for name, value in images(render(rasterize, scene, camera, torch.float32, with_depth=True)).items()
    }
    weights = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}

    def loss(changed: Scene) -> Tensor:
        result = images(render(rasterize, changed, camera, torch.float32, with_depth=True))
        return torch.stack([(value.double() * weights[name]).sum() for name, value in result.items()]).sum()

    for name, value in scene.items():
        leaf = value.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(scene | {name: leaf}), leaf)
        direction = gradient / gradient.norm() * value.norm()
        step = 1e-3
        difference = loss(scene | {name: value + step * direction}) - loss(scene | {name: value - step * direction})
        expected = float((gradient * direction).sum())
        assert abs(float(difference) / (2 * step) - expected) < 0.01 * abs(expected), name


@pytest.mark.parametrize("count", [0, 5])
def test_nothing_visible(count: int) -> None:
    scene = make_scene(2, count, 4, 1)
    scene["means"][..., 2] = 2.0  # behind the camera
    camera = Camera(2.0, 20, 20)
    result = values_and_gradients(rasterize, scene, camera, torch.float32, torch.ones(2, 20, 20), with_depth=True)
    assert all((value == 0).all() for value in result.values())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["means", "quaternions", "scales", "opacities"])
def test_a_splat_that_is_not_finite_is_not_drawn(name: str, bad: float) -> None:
    scene, camera = make_scene(1, 60, 4), Camera(2.0, 40, 30)
    if name == "opacities":
        bad = float("nan")  # an infinite opacity is refused nowhere: it is drawn as opaque
    broken = {key: value.clone() for key, value in scene.items()}
    (broken[name] if name == "opacities" else broken[name][0])[7] = bad
    without = {
        key: torch.cat((v[:7], v[8:])) if v.shape[0] == 60 else torch.cat((v[:, :7], v[:, 8:]), 1)
        for key, v in scene.items()
    }
    mask = torch.ones(1, 30, 40)
    actual = values_and_gradients(rasterize, broken, camera, torch.float32, mask)
    expected = values_and_gradients(rasterize, without, camera, torch.float32, mask)
    assert torch.equal(actual["colour"], expected["colour"])
    assert actual["d_means"].isfinite().all()
    assert (actual["d_means"][0, 7] == 0).all()


def test_nan_colours_show() -> None:
    """NaN in a colour must reach the loss, where training stops on it."""
    scene = make_scene(1, 60, 1)
    scene["sh"][:] = float("nan")
    assert render(rasterize, scene, Camera(2.0, 40, 30), torch.float32).colour.isnan().any()


def test_a_zero_quaternion_means_no_rotation() -> None:
    scene, camera = make_scene(1, 40, 1), Camera(2.0, 40, 30)
    zero = scene | {"quaternions": torch.zeros(1, 40, 4)}
    unit = scene | {"quaternions": torch.tensor([1.0, 0, 0, 0]).expand(1, 40, 4)}
    assert torch.equal(*(render(rasterize, s, camera, torch.float32).colour for s in (zero, unit)))


def test_the_same_result_on_any_number_of_threads() -> None:
    scene, camera = make_scene(2, 300, 4, 2), Camera(2.0, 80, 60)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            results.append(values_and_gradients(rasterize, scene, camera, torch.float32, torch.ones(2, 60, 80)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(results[0][name], other[name]) for name in other)


def test_a_helper_thread_that_never_starts_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork, or on a machine that is busy with other things."""
    scene, camera = make_scene(1, 100, 1), Camera(2.0, 40, 30)
    expected = render(rasterize, scene, camera, torch.float32).colour
    release = threading.Event()
    before = torch.get_num_threads()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait)
        monkeypatch.setattr(dealing, "_pool", lambda: pool)
        try:
            torch.set_num_threads(2)
            assert torch.equal(render(rasterize, scene, camera, torch.float32).colour, expected)
        finally:
            torch.set_num_threads(before)
            release.set()


def test_two_callers_at_once() -> None:
    scenes, camera = [make_scene(1, 200 + i, 1) for i in range(4)], Camera(2.0, 60, 50)
    expected = [render(rasterize, scene, camera, torch.float32).colour for scene in scenes]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(lambda scene: render(rasterize, scene, camera, torch.float32).colour, scenes * 5))
    assert all(torch.equal(a, b) for a, b in zip(actual, expected * 5))


def test_dtype_follows_the_input_and_views_are_fine() -> None:
    scene, camera = make_scene(2, 50, 4), Camera(2.0, 30, 30)
    assert render(rasterize, scene, camera, torch.float64).colour.dtype == torch.float64
    strided = {
        name: value.repeat_interleave(2, dim=-1)[..., ::2] for name, value in scene.items() if name != "opacities"
    }
    expected = render(rasterize, scene, camera, torch.float32).colour
    assert torch.equal(render(rasterize, scene | strided, camera, torch.float32).colour, expected)


def test_inputs_changed_after_the_forward_pass_are_noticed() -> None:
    scene = {name: value.float() for name, value in make_scene(1, 50, 1).items()}
    scene["means"].requires_grad_()
    scales = scene["scales"]
    result = render(rasterize, scene, Camera(2.0, 30, 30), torch.float32)
    scales.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.colour.sum().backward()


def test_reference_blocks_and_culling_change_nothing() -> None:
    scene, camera = make_scene(1, 100, 4, 1), Camera(2.0, 50, 37)
    mask = torch.ones(1, 37, 50)
    whole = values_and_gradients(reference.rasterize, scene, camera, torch.float64, mask, with_depth=True)
    for options in ({"block": 16}, {"block": 16, "cull": True}):
        part = values_and_gradients(reference.rasterize, scene, camera, torch.float64, mask, with_depth=True, **options)
        assert_agree(part, whole, 1e-10)


def test_falloff_is_the_exponential() -> None:
    arguments = np.linspace(0, 0.7, 2001).astype(np.float32)
    values = np.array([falloff(argument) for argument in arguments])
    np.testing.assert_allclose(values, np.exp(-8 * arguments.astype(np.float64)), rtol=3e-6)
    assert falloff(np.float32(50)) < 1 / 255
    assert math.isclose(falloff(np.float32(0)), 1)


def test_over_a_colour_or_an_image() -> None:
    result = render(rasterize, make_scene(2, 50, 1), Camera(2.0, 20, 10), torch.float32)
    white = torch.ones(3)
    expected = result.colour + 1 - result.alpha
    torch.testing.assert_close(result.over(white), expected)
    torch.testing.assert_close(result.over(white.expand(2, 3)), expected)
    torch.testing.assert_close(result.over(white.expand(1, 10, 20, 3)), expected)


def test_expected_depth_of_one_splat_is_its_own() -> None:
    scene = make_scene(1, 1, 1)
    scene["means"], scene["scales"] = torch.tensor([[[0.0, 0.0, 0.1]]]), torch.full((1, 1, 3), 0.02)
    result = render(rasterize, scene, Camera(2.0, 20, 20), torch.float32, with_depth=True)
    assert result.depth is not None
    torch.testing.assert_close(result.depth[0, 10, 10], torch.tensor([0.9]))
    assert result.depth[0, 0, 0] == 0


def test_normals_are_the_thin_axis_towards_the_camera() -> None:
    camera = Camera(2.0, 20, 20)
    assert torch.allclose(camera_place(camera.view_matrix()), torch.tensor([0.0, 0.0, 1.0]))
    turn = torch.tensor([[[1.0, 0, 0, 0], [math.cos(0.3), math.sin(0.3), 0, 0]]])  # none; 0.6 about x
    scales = torch.tensor([[[0.1, 0.1, 0.01], [0.1, 0.1, 0.01]]])
    normals = splat_normals(turn, scales, torch.zeros(1, 2, 3), camera.view_matrix())
    torch.testing.assert_close(normals, torch.tensor([[[0.0, 0, 1], [0, -math.sin(0.6), math.cos(0.6)]]]))
    behind = splat_normals(turn, scales, torch.tensor([[[0.0, 0, 2], [0, 0, 2]]]), camera.view_matrix())
    assert (behind[..., 2] < 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"means": torch.zeros(10, 3)}, "means must be"),
        ({"quaternions": torch.zeros(1, 9, 4)}, "quaternions is"),
        ({"sh": torch.zeros(10, 5, 3)}, "sh is"),
        ({"opacities": torch.zeros(10, 1)}, "opacities is"),
        ({"features": torch.zeros(9, 2)}, "features is"),
    ],
)
def test_exception(change: Scene, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(rasterize, make_scene(1, 10, 1) | change, Camera(2.0, 8, 8), torch.float32)


def test_exception_on_a_camera_gradient() -> None:
    scene, camera = make_scene(1, 10, 1), Camera(2.0, 8, 8)
    view = camera.view_matrix().requires_grad_()
    with pytest.raises(ValueError, match="no gradient to the camera"):
        rasterize(**scene, view_matrix=view, intrinsics=camera.intrinsics(), width=8, height=8)


def test_kernels_are_cached_where_one_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = compilation.cache_folder.__wrapped__
    monkeypatch.setattr(compilation.config, "CACHE_DIR", str(tmp_path))
    assert find().parent == tmp_path
    monkeypatch.setattr(compilation.config, "CACHE_DIR", "")
    monkeypatch.setattr(compilation, "_writable", lambda folder: "__pycache__" not in folder.parts)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find().parent == tmp_path / "emotag"
    monkeypatch.setattr(compilation, "_writable", lambda folder: False)
    assert find() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("coefficients", "extra", "with_depth"), [(1, 0, False), (16, 0, True), (4, 3, True)])
def test_gsplat_kernel_and_reference_agree(
    coefficients: int, extra: int, with_depth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, camera = make_scene(3, 400, coefficients, extra), Camera(2.0, 90, 70)
    mask = decided(scene, camera, monkeypatch)
    options = {"with_depth": with_depth}
    truth = values_and_gradients(reference.rasterize, scene, camera, torch.float64, mask, **options)
    kernel = values_and_gradients(rasterize, scene, camera, torch.float32, mask, **options)
    gsplat = values_and_gradients(rasterize, scene, camera, torch.float32, mask, "cuda", **options)
    assert_agree(kernel, truth)
    assert_agree(gsplat, truth, 1e-3)  # gsplat uses the fast exponential and atomics in single precision
