import math

import pytest
import torch

from emotag.motion.mouth import MouthDecoder, encode_position

from .conftest import small_settings


@pytest.fixture
def decoder() -> MouthDecoder:
    torch.manual_seed(0)
    decoder = MouthDecoder(small_settings())
    for layer in (decoder.base, decoder.residual):
        assert layer is not None
        torch.nn.init.normal_(layer.weight)
    return decoder


def test_shapes_with_any_leading_axes(decoder) -> None:
    offsets = decoder(torch.randn(2, 3, 8), torch.randn(2, 3, 8), torch.rand(2, 3), torch.randn(11, 3) * 0.03)
    assert offsets.position.shape == (2, 3, 11, 3)
    assert offsets.rotation.shape == (2, 3, 11, 4)
    assert offsets.scale.shape == (2, 3, 11, 3)
    assert decoder(torch.randn(2, 8), torch.randn(2, 8), torch.rand(2), torch.zeros(0, 3)).position.shape == (2, 0, 3)


def test_encoding_by_hand() -> None:
    encoded = encode_position(torch.tensor([[0.04, 0.0, -0.08]]), wavelength=0.16, octaves=2)
    quarter = math.pi / 2
    sines = [1.0, 0.0, -math.sin(math.pi), math.sin(2 * quarter), 0.0, math.sin(-2 * math.pi)]
    cosines = [0.0, 1.0, -1.0, -1.0, 1.0, 1.0]
    expected = torch.tensor([[quarter, 0.0, -math.pi, *sines, *cosines]])
    torch.testing.assert_close(encoded, expected, atol=1e-6, rtol=1e-6)


def test_fusion_is_base_plus_gate_times_residual(decoder) -> None:
    """Eq. 6: linear in the gate, the base alone at gate 0, and the residual independent of the base."""
    base, residual, rest = torch.randn(1, 8), torch.randn(1, 8), torch.randn(7, 3) * 0.03
    at = {g: decoder(base, residual, torch.tensor([g]), rest).position for g in (0.0, 0.5, 1.0)}
    torch.testing.assert_close(at[0.5], (at[0.0] + at[1.0]) / 2)
    torch.testing.assert_close(at[0.0], decoder(base, torch.zeros(1, 8), torch.tensor([1.0]), rest).position)
    other = decoder(-base, residual, torch.tensor([1.0]), rest).position
    alone = decoder(-base, residual, torch.tensor([0.0]), rest).position
    torch.testing.assert_close(other - alone, at[1.0] - at[0.0])


def test_offsets_are_bounded(decoder) -> None:
    codes = 1e3 * torch.randn(20, 8)
    offsets = decoder(codes, codes, torch.zeros(20), torch.randn(30, 3) * 0.03)
    for part, limit in zip(offsets, (0.01, 0.25, 0.5)):
        assert part.abs().max() <= limit + 1e-6
        assert part.abs().max() > 0.9 * limit


def test_position_matters_smoothly(decoder) -> None:
    rest = torch.tensor([[0.01, 0.0, 0.05], [0.0101, 0.0, 0.05], [-0.02, 0.01, 0.04]])
    near, close, far = decoder(torch.randn(8), torch.zeros(8), torch.tensor(0.0), rest).position
    assert (near - far).norm() > 5 * (near - close).norm() > 0


def test_basis_once_gives_the_same(decoder) -> None:
    base, residual, gate, rest = torch.randn(4, 8), torch.randn(4, 8), torch.rand(4), torch.randn(9, 3) * 0.03
    for one, two in zip(decoder(base, residual, gate, rest), decoder.fuse(base, residual, gate, decoder.basis(rest))):
        assert torch.equal(one, two)
