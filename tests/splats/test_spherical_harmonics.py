import pytest
import torch

from emotag.splats import spherical_harmonics
from emotag.splats.spherical_harmonics import COEFFICIENT_COUNTS


@pytest.fixture
def directions() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(500, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("degree", range(4))
def test_colour_is_that_of_gsplat(directions: torch.Tensor, degree: int) -> None:
    from gsplat.cuda._torch_impl import _spherical_harmonics

    sh = torch.randn(500, COEFFICIENT_COUNTS[degree], 3, dtype=torch.float64)
    expected = (_spherical_harmonics(degree, directions, sh) + 0.5).clamp_min(0)
    torch.testing.assert_close(spherical_harmonics.colour(sh, directions), expected, rtol=1e-6, atol=1e-6)


def test_basis_is_orthonormal() -> None:
    """Over a fine grid of the sphere, the mean of b_i b_j is δ_ij / 4π."""
    height = torch.linspace(-1, 1, 401, dtype=torch.float64)[1:] - 1 / 400  # equal areas
    angle = torch.arange(200, dtype=torch.float64) * (2 * torch.pi / 200)
    z, phi = torch.meshgrid(height, angle, indexing="ij")
    r = (1 - z * z).sqrt()
    values = spherical_harmonics.basis(torch.stack((r * phi.cos(), r * phi.sin(), z), dim=-1), 16).reshape(-1, 16)
    gram = 4 * torch.pi * values.T @ values / len(values)
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), rtol=0, atol=1e-4)


def test_gradcheck(directions: torch.Tensor) -> None:
    sh = torch.randn(5, 16, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(spherical_harmonics.colour, (sh, directions[:5].requires_grad_()))


def test_degree_zero_broadcasts_over_frames(directions: torch.Tensor) -> None:
    sh = torch.randn(500, 1, 3, dtype=torch.float64)
    assert spherical_harmonics.colour(sh, directions.expand(2, 500, 3)).shape == (2, 500, 3)


def test_constant_colour_round_trip() -> None:
    rgb = torch.rand(20, 3)
    coefficient = spherical_harmonics.from_colour(rgb)
    torch.testing.assert_close(spherical_harmonics.to_colour(coefficient), rgb)
    torch.testing.assert_close(spherical_harmonics.colour(coefficient[:, None], torch.randn(20, 3)), rgb)


def test_exception_on_a_number_of_coefficients_that_is_no_degree() -> None:
    with pytest.raises(ValueError, match="not 5"):
        spherical_harmonics.basis(torch.randn(2, 3), 5)
