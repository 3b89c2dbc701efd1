"""L1 and SSIM together: the plain form against its parts, the fused kernels against the plain form."""

import pytest
import torch
from torch import Tensor

from emotag.training.losses.photometric import Difference, difference, difference_reference
from emotag.training.losses.ssim import ssim


def pictures(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(shape))
    truth = torch.rand(shape, generator=generator)
    image = (truth + 0.1 * torch.randn(shape, generator=generator)).clamp(0, 1)
    image[0, :4] = truth[0, :4]  # |x − y| has no slope here
    return image.to(dtype), truth.to(dtype)


def test_parts_are_l1_ssim_and_squared_error() -> None:
    image, truth = pictures((2, 20, 17, 3))
    apart = difference(image, truth)
    torch.testing.assert_close(apart.absolute, (image - truth).abs().mean())
    torch.testing.assert_close(apart.similarity, ssim(image, truth))
    torch.testing.assert_close(apart.square, (image - truth).square().mean())


def test_square_has_no_gradient() -> None:
    image, truth = pictures((1, 16, 16, 3))
    assert not difference(image.requires_grad_(), truth).square.requires_grad


@pytest.mark.parametrize("shape", [(1, 10, 30, 3), (1, 30, 10, 3)])
def test_pictures_smaller_than_the_window_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="smaller"):
        difference(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(1, 11, 11, 3), (2, 33, 70, 3), (3, 128, 96, 3), (2, 40, 300, 1)])
def test_fused_kernels_agree_in_values_and_gradients(shape: tuple[int, ...]) -> None:
    def run(image: Tensor, truth: Tensor, compare: object) -> tuple[Difference, Tensor]:
        image = image.clone().requires_grad_()
        apart = compare(image, truth)  # type: ignore[operator]
        (3 * apart.absolute + 0.7 * (1 - apart.similarity)).backward()
        assert image.grad is not None
        return apart, image.grad

    expected, slope = run(*pictures(shape, torch.float64), difference_reference)
    image, truth = (picture.cuda() for picture in pictures(shape))
    torch.full((64 << 20,), torch.nan, device="cuda")  # what the kernels do not write would show
    got, found = run(image, truth, difference)
    for name in ("absolute", "similarity", "square"):
        torch.testing.assert_close(getattr(got, name).cpu().double(), getattr(expected, name), rtol=1e-5, atol=1e-6)
    assert (found.cpu() - slope).norm() < 1e-4 * slope.norm()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_fused_kernels_take_the_part_of_an_image_that_is_not_contiguous() -> None:
    image, truth = (picture.cuda() for picture in pictures((2, 24, 31, 5)))
    got = difference(image[..., 1:4], truth[..., 1:4])
    expected = difference_reference(image[..., 1:4].cpu(), truth[..., 1:4].cpu())
    torch.testing.assert_close(got.similarity.cpu(), expected.similarity, rtol=1e-4, atol=1e-5)
