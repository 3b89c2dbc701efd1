import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from emotag.metrics.image import PSNR_CAP_DB, psnr, ssim, ssim_map


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:96, 0:80]
    base = np.stack([np.sin(x / 7), np.cos(y / 5), np.sin((x + y) / 9)], -1) * 90 + 128
    noisy = np.roll(base, 1, axis=1) + rng.normal(0, 12, base.shape)
    return base.clip(0, 255).astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


def test_psnr_equals_skimage(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-4)


def test_psnr_known_value():
    truth = np.zeros((16, 16, 3), np.float32)
    assert psnr(truth, truth + np.float32(0.1)) == pytest.approx(20.0, abs=1e-4)


def test_psnr_of_identical_frames_is_the_cap(pair):
    assert psnr(pair[0], pair[0]) == PSNR_CAP_DB


def test_masked_psnr_sees_only_the_mask():
    truth = np.zeros((16, 16, 3), np.float32)
    render = truth.copy()
    render[:8] = 0.1
    render[8:] = 0.9
    mask = np.zeros((16, 16))
    mask[:8] = 255
    assert psnr(truth, render, mask) == pytest.approx(20.0, abs=1e-4)
    assert np.isnan(psnr(truth, render, np.zeros((16, 16))))


def test_mask_weights_are_proportional():
    truth = np.zeros((16, 16, 3), np.float32)
    render = truth.copy()
    render[:8] = 1.0
    mask = np.where(np.arange(16)[:, None] < 8, 1.0, 3.0) * np.ones((16, 16))
    assert psnr(truth, render, mask) == pytest.approx(-10 * np.log10(0.25), abs=1e-5)


def test_ssim_equals_torchmetrics(pair):
    a, b = (torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255 for image in pair)
    reference = structural_similarity_index_measure(a, b, gaussian_kernel=True, sigma=1.5, kernel_size=11, data_range=1)
    assert ssim(*pair) == pytest.approx(float(reference), abs=2e-5)


def test_ssim_equals_skimage_away_from_the_border(pair):
    skimage = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim_map(*pair)[5:-5, 5:-5].mean() == pytest.approx(skimage, abs=2e-5)


def test_ssim_of_flat_dark_frames_is_stable():
    """The variance of a flat frame is a rounding error that must not become a negative denominator."""
    flat = np.full((32, 32, 3), 3, np.uint8)
    assert ssim(flat, flat) == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(ssim_map(flat, np.full_like(flat, 254))).all()


def test_masked_ssim_equals_the_full_map_of_skimage(pair):
    _, full = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    mask = np.zeros(pair[0].shape[:2], np.uint8)
    mask[20:60, 15:50] = 255
    assert ssim(*pair, mask) == pytest.approx(full[20:60, 15:50].mean(), abs=2e-5)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_exception_on_unequal_shapes(metric):
    with pytest.raises(ValueError, match="differ in shape"):
        metric(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 17, 3), np.uint8))


def test_exception_on_tiny_frames():
    with pytest.raises(ValueError, match="at least 11"):
        ssim(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8))
