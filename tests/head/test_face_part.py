import pytest
import torch

from emotag.head.face_part import FacePart
from emotag.head.ibug68 import EYES, MOUTH
from emotag.head.model import HeadModel


@pytest.mark.parametrize("rows", [MOUTH, EYES])
def test_a_part_is_where_the_whole_head_has_it(synthetic_head: HeadModel, rows: slice) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(synthetic_head.n_shape, generator=generator)
    expression = torch.rand(5, synthetic_head.n_expression, generator=generator)
    jaw = 0.3 * torch.randn(5, 3, generator=generator)
    zero = torch.zeros(5, 3)
    vertices = synthetic_head.vertices(shape, expression, jaw, zero, zero.repeat(1, 2), zero, zero)
    expected = synthetic_head.landmarks68.points(vertices, synthetic_head.faces)[:, rows]
    part = FacePart.of(synthetic_head, shape, rows)
    torch.testing.assert_close(part.points(expression, jaw), expected, rtol=0, atol=1e-6)
    windows = part.points(expression[None].repeat(2, 1, 1), jaw[None].repeat(2, 1, 1))
    torch.testing.assert_close(windows[1], expected, rtol=0, atol=1e-6)


def test_reach_is_how_far_one_unit_moves_the_landmark_that_moves_most(synthetic_head: HeadModel) -> None:
    shape, still = torch.zeros(synthetic_head.n_shape), torch.zeros(3)
    part = FacePart.of(synthetic_head, shape, MOUTH)
    rest = part.points(torch.zeros(synthetic_head.n_expression), still)
    for index, reach in enumerate(part.reach()):
        unit = torch.zeros(synthetic_head.n_expression)
        unit[index] = 1
        torch.testing.assert_close((part.points(unit, still) - rest).norm(dim=-1).max(), reach)
