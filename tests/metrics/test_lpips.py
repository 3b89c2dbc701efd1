"""LPIPS against its formula written out pixel by pixel, with weights that the test saves in the published formats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from emotag.errors import InputError
from emotag.files import sha256
from emotag.metrics.engines import ENGINES, Unmeasured, make_lpips
from emotag.metrics.lpips import Lpips, lpips
from emotag.metrics.lpips_settings import LpipsSettings, torch_cache

CONVOLUTIONS = {  # torchvision's alexnet: layer -> weight shape, stride, padding
    0: ((64, 3, 11, 11), 4, 2),
    3: ((192, 64, 5, 5), 1, 2),
    6: ((384, 192, 3, 3), 1, 1),
    8: ((256, 384, 3, 3), 1, 1),
    10: ((256, 256, 3, 3), 1, 1),
}
POOLED_BEFORE = (3, 6)  # layers with a 3×3 max pooling of stride 2 in front


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights as torchvision and the lpips package save them, with a classifier that nobody needs."""
    folder = tmp_path_factory.mktemp("lpips")
    torch.manual_seed(0)
    backbone = {"classifier.6.bias": torch.zeros(1000)}
    for layer, (shape, _, _) in CONVOLUTIONS.items():
        backbone[f"features.{layer}.weight"] = torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5
        backbone[f"features.{layer}.bias"] = torch.randn(shape[0]) * 0.1
    linear = {
        f"lin{index}.model.1.weight": torch.rand(1, shape[0], 1, 1)
        for index, (shape, _, _) in enumerate(CONVOLUTIONS.values())
    }
    paths = folder / "alexnet-owt-7be5be79.pth", folder / "alex.pth"
    torch.save(backbone, paths[0])
    torch.save(linear, paths[1])
    return paths


def made(files: tuple[Path, Path]) -> Lpips:
    return Lpips(LpipsSettings(backbone=files[0], linear=files[1], device="cpu"))


def slow_lpips(files: tuple[Path, Path], truth: np.ndarray, render: np.ndarray) -> float:
    """Zhang et al. 2018, Eq. 1, in double precision."""
    backbone, linear = (torch.load(path, weights_only=True) for path in files)
    pair = []
    for image in (truth, render):
        x = torch.tensor(image / 255 * 2 - 1).permute(2, 0, 1)
        for channel, (shift, scale) in enumerate(((-0.030, 0.458), (-0.088, 0.448), (-0.188, 0.450))):
            x[channel] = (x[channel] - shift) / scale
        x, taps = x[None], []
        for layer, (_, stride, padding) in CONVOLUTIONS.items():
            if layer in POOLED_BEFORE:
                x = F.max_pool2d(x, 3, 2)
            weight, bias = (backbone[f"features.{layer}.{name}"].double() for name in ("weight", "bias"))
            x = F.conv2d(x, weight, bias, stride, padding).clamp_min(0)
            taps.append(x[0].numpy())
        pair.append(taps)
    total = 0.0
    for index, (a, b) in enumerate(zip(*pair)):
        weights = linear[f"lin{index}.model.1.weight"].flatten().double().numpy()
        values = []
        for row in range(a.shape[1]):
            for column in range(a.shape[2]):
                p, q = a[:, row, column], b[:, row, column]
                p, q = p / (np.sqrt((p**2).sum()) + 1e-10), q / (np.sqrt((q**2).sum()) + 1e-10)
                values.append((weights * (p - q) ** 2).sum())
        total += float(np.mean(values))
    return total


def pictures(count: int, height: int = 72, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_it_is_the_formula(files: tuple[Path, Path]) -> None:
    truth, noise = pictures(2)
    render = (0.7 * truth + 0.3 * noise).astype(np.uint8)
    found = made(files).distances(truth, [render, noise])
    assert found == pytest.approx([slow_lpips(files, truth, other) for other in (render, noise)], rel=1e-4)
    assert 0 < found[0] < found[1]


def test_identical_frames_are_at_no_distance(files: tuple[Path, Path]) -> None:
    truth = pictures(1)[0]
    assert made(files).distances(truth, [truth]) == [0.0]
    assert made(files).distances(np.zeros_like(truth), [np.zeros_like(truth)]) == [0.0]


def test_formula_by_hand() -> None:
    """One layer, two channels, one pixel: (3, 4)/5 and (1, 0): 2·0.4² + 5·0.8²."""
    taps = [torch.tensor([[3.0, 4.0], [1.0, 0.0], [6.0, 8.0]])[:, :, None, None]]
    torch.testing.assert_close(lpips(taps, [torch.tensor([2.0, 5.0])]), torch.tensor([2 * 0.16 + 5 * 0.64, 0.0]))


def test_files_are_found_where_people_have_them(files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert torch_cache() == tmp_path / "hub" == Path(torch.hub.get_dir())
    absent = LpipsSettings(backbone=tmp_path / "models" / "alexnet-owt-7be5be79.pth", linear=files[1])
    assert absent.backbone_file() == absent.backbone
    cached = tmp_path / "hub" / "checkpoints" / absent.backbone.name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(files[0].read_bytes())
    assert absent.backbone_file() == cached and LpipsSettings(backbone=files[0]).backbone_file() == files[0]
    assert LpipsSettings(linear=files[1]).linear_file() == files[1]


def test_the_published_linear_weights_fit(files: tuple[Path, Path], tmp_path: Path) -> None:
    """torchmetrics carries the file of LPIPS 0.1: its keys, shapes and signs are what the loader expects."""
    pytest.importorskip("torchmetrics")
    published = LpipsSettings(backbone=files[0], linear=tmp_path / "alex.pth", device="cpu")
    if not published.linear_file().exists():
        pytest.skip("this torchmetrics does not carry LPIPS' linear weights")
    truth, other = pictures(2)
    near = (0.9 * truth + 0.1 * other).astype(np.uint8)
    found = Lpips(published).distances(truth, [near, other])
    assert 0 < found[0] < found[1]
    assert all((weights >= 0).all() for weights in Lpips(published)._linear)


def test_factory_says_what_is_lacking(files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    absent = tmp_path / "alexnet.pth"
    told = make_lpips(LpipsSettings(backbone=absent, linear=files[1]))
    assert isinstance(told, Unmeasured) and told.reason == f"lacks AlexNet's ImageNet weights ({absent})"
    assert isinstance(make_lpips(LpipsSettings(engine="none", backbone=files[0], linear=files[1])), Unmeasured)
    with pytest.raises(InputError, match=r"metrics.lpips.engine 'alexnet' lacks AlexNet's .*: put it at") as error:
        make_lpips(LpipsSettings(engine="alexnet", backbone=absent, linear=files[1]))
    assert "\n" not in str(error.value)
    found = make_lpips(LpipsSettings(backbone=files[0], linear=files[1], device="cpu"))
    assert isinstance(found, Lpips) and found.weights == f"{sha256(files[0])}+{sha256(files[1])}"
    assert {engine.task for engine in ENGINES} == {"metrics.lpips", "metrics.sync"}


def test_exceptions(files: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"alex.pth: holds nothing for features.0.weight"):
        Lpips(LpipsSettings(backbone=files[1], linear=files[1]))
    with pytest.raises(InputError, match=r"holds nothing for lin0.model.1.weight, not \(1, 64, 1, 1\)"):
        Lpips(LpipsSettings(backbone=files[0], linear=files[0]))
    ready = made(files)
    with pytest.raises(ValueError, match="differ in shape"):
        ready.distances(pictures(1)[0], [pictures(1, 80)[0]])
    with pytest.raises(ValueError, match="at least 63 pixels"):
        ready.distances(pictures(1, 40)[0], [pictures(1, 40)[0]])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_changes_nothing(files: tuple[Path, Path]) -> None:
    truth, other = pictures(2)
    there = Lpips(LpipsSettings(backbone=files[0], linear=files[1], device="cuda")).distances(truth, [other])
    assert there == pytest.approx(made(files).distances(truth, [other]), rel=1e-3)
