import torch

from emotag.head.lips import MOUTH_68, Lips
from emotag.head.model import HeadModel


def test_lips_are_where_the_whole_head_has_them(synthetic_head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(synthetic_head.n_shape, generator=generator)
    expression = torch.rand(5, synthetic_head.n_expression, generator=generator)
    jaw = 0.3 * torch.randn(5, 3, generator=generator)
    zero = torch.zeros(5, 3)
    vertices = synthetic_head.vertices(shape, expression, jaw, zero, zero.repeat(1, 2), zero, zero)
    expected = synthetic_head.landmarks68.points(vertices, synthetic_head.faces)[:, MOUTH_68]
    lips = Lips.of(synthetic_head, shape)
    torch.testing.assert_close(lips.points(expression, jaw), expected, rtol=0, atol=1e-6)
    windows = lips.points(expression[None].repeat(2, 1, 1), jaw[None].repeat(2, 1, 1))
    torch.testing.assert_close(windows[1], expected, rtol=0, atol=1e-6)
