import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from emotag.training.losses import ssim as module
from emotag.training.losses.ssim import blur, blur_adjoint, ssim, ssim_map


def _pair(frames: int = 2, height: int = 40, width: int = 33, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(frames, height, width, 3, generator=generator, dtype=torch.float64)
    truth = 0.5 * truth + 0.5 * torch.linspace(0, 1, width, dtype=torch.float64)[:, None]
    image = (truth + 0.2 * torch.randn(truth.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    return image, truth


def _skimage(image: np.ndarray, truth: np.ndarray, full: bool = False):
    return structural_similarity(
        image, truth, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=full,
    )  # fmt: skip


def test_equals_scikit_image() -> None:
    image, truth = _pair()
    expected = np.mean([_skimage(i.numpy(), t.numpy()) for i, t in zip(image, truth)])
    assert 0.1 < expected < 0.9
    assert ssim(image, truth).item() == pytest.approx(expected, abs=1e-7)


def test_map_equals_scikit_image_pixel_by_pixel() -> None:
    image, truth = _pair(frames=1)
    full = _skimage(image[0].numpy(), truth[0].numpy(), full=True)[1]
    torch.testing.assert_close(ssim_map(image, truth)[0], torch.from_numpy(full[5:-5, 5:-5]), atol=1e-9, rtol=0)


def test_equals_torchmetrics_in_value_and_gradient() -> None:
    image, truth = _pair()
    ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    value = ssim(ours, truth)
    _, full = structural_similarity_index_measure(
        theirs.permute(0, 3, 1, 2), truth.permute(0, 3, 1, 2), data_range=1.0, return_full_image=True
    )
    other = full[..., 5:-5, 5:-5].mean()  # theirs has a border of reflected pixels
    torch.testing.assert_close(value, other, atol=1e-7, rtol=0)
    value.backward()
    other.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-8, rtol=1e-4)


def test_gradcheck_of_both_images() -> None:
    image, truth = _pair(frames=1, height=12, width=13)
    assert torch.autograd.gradcheck(ssim_map, (image.requires_grad_(), truth.requires_grad_()))


def test_gradient_of_the_truth_alone() -> None:
    image, truth = _pair()
    truth.requires_grad_()
    ssim(image, truth).backward()
    mirrored = truth.detach().clone().requires_grad_()
    ssim(mirrored, image).backward()  # SSIM is symmetric
    torch.testing.assert_close(truth.grad, mirrored.grad)


def test_identical_and_constant_images() -> None:
    image, _ = _pair()
    assert ssim(image, image).item() == pytest.approx(1)
    black = torch.zeros(1, 16, 16, 3, requires_grad=True)
    value = ssim(black, torch.ones(1, 16, 16, 3))
    assert value.item() == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-3)
    value.backward()
    assert black.grad is not None and torch.isfinite(black.grad).all()


def test_single_precision_stays_close() -> None:
    image, truth = _pair()
    assert ssim(image.float(), truth.float()).item() == pytest.approx(ssim(image, truth).item(), abs=1e-5)


def test_mask_takes_the_mean_over_its_pixels() -> None:
    image, truth = _pair()
    mask = torch.zeros(2, 40, 33, dtype=torch.bool)
    mask[0, 10:20, 8:12] = True
    expected = ssim_map(image, truth)[0, 5:15, 3:7].mean()
    torch.testing.assert_close(ssim(image, truth, mask), expected)
    torch.testing.assert_close(ssim(image, truth, torch.ones(2, 40, 33)), ssim(image, truth))
    assert ssim(image, truth, torch.zeros(2, 40, 33)) == 0


def test_chunks_change_nothing(monkeypatch) -> None:
    image, truth = _pair(frames=5)
    whole = ssim_map(image, truth)
    monkeypatch.setattr(module, "CPU_CHUNK", 2 * image[0].numel())
    assert torch.equal(ssim_map(image, truth), whole)
    monkeypatch.setattr(module, "CPU_CHUNK", 1)
    assert torch.equal(ssim_map(image, truth), whole)


def test_adjoint_is_the_transpose() -> None:
    image, _ = _pair()
    gradient = torch.randn(2, 30, 23, 3, dtype=torch.float64)
    torch.testing.assert_close((blur(image) * gradient).sum(), (image * blur_adjoint(gradient)).sum())


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="must both be"):
        ssim(torch.zeros(1, 20, 20, 3), torch.zeros(1, 20, 21, 3))
    with pytest.raises(ValueError, match="smaller than"):
        ssim(torch.zeros(1, 20, 10, 3), torch.zeros(1, 20, 10, 3))
