import math

import pytest
import torch

from emotag.head.rotation import axis_angle_to_matrix, quaternion_to_matrix
from emotag.splats.rig import to_local, to_world, triangle_frames

TRIANGLE = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, -4.0]])
FACE = torch.tensor([[0, 1, 2]])


def test_frame_by_hand() -> None:
    frames = triangle_frames(TRIANGLE[None], FACE)
    # a0 = x; a1 = x × (−z) = y; a2 = −(y × x) = z; k = (|x edge| 2 + height 4) / 2.
    torch.testing.assert_close(frames.rotation[0, 0], torch.eye(3))
    torch.testing.assert_close(frames.centre[0, 0], torch.tensor([2 / 3, 0.0, -4 / 3]))
    torch.testing.assert_close(frames.scale[0, 0], torch.tensor(3.0))


def test_equation_7_by_hand() -> None:
    frames = triangle_frames(TRIANGLE[None], FACE)
    half = math.sqrt(0.5)
    means, quaternions, scales = to_world(
        frames, torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[half, half, 0, 0]]), torch.tensor([[0.1, 0.2, 0.3]])
    )
    torch.testing.assert_close(means[0, 0], torch.tensor([3 + 2 / 3, 6.0, 9 - 4 / 3]))
    torch.testing.assert_close(quaternions[0, 0].abs(), torch.tensor([half, half, 0, 0]))
    torch.testing.assert_close(scales[0, 0], torch.tensor([0.3, 0.6, 0.9]))


def test_splats_move_with_their_triangle() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(30, 3, generator=generator)
    faces = torch.randint(0, 30, (12, 3), generator=generator)
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
    count = len(faces)
    local = (
        torch.randn(count, 3, generator=generator),
        torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=-1),
        torch.rand(count, 3, generator=generator),
    )
    turn = axis_angle_to_matrix(torch.tensor([0.3, -1.2, 0.7]))
    moved = 1.7 * vertices @ turn.T + torch.tensor([0.1, -0.4, 2.0])
    before = to_world(triangle_frames(vertices[None], faces), *local)
    after = to_world(triangle_frames(moved[None], faces), *local)
    expected = 1.7 * before[0] @ turn.T + torch.tensor([0.1, -0.4, 2.0])
    torch.testing.assert_close(after[0], expected, rtol=1e-4, atol=1e-4)
    turned = turn @ quaternion_to_matrix(before[1])
    torch.testing.assert_close(quaternion_to_matrix(after[1]), turned, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after[2], 1.7 * before[2], rtol=1e-4, atol=1e-4)


def test_local_inverts_world() -> None:
    generator = torch.Generator().manual_seed(1)
    vertices = torch.randn(9, 3, generator=generator)
    faces = torch.arange(9).reshape(3, 3)
    local = torch.randn(3, 3, generator=generator)
    frames = triangle_frames(vertices[None], faces)
    world, _, _ = to_world(frames, local, torch.tensor([[1.0, 0, 0, 0]]).repeat(3, 1), torch.ones(3, 3))
    torch.testing.assert_close(to_local(frames, world[0]), local, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("collapsed", [[[0.0, 0, 0]] * 3, [[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]]])
def test_degenerate_triangle_stays_finite(collapsed: list[list[float]]) -> None:
    vertices = torch.tensor([collapsed], requires_grad=True)
    frames = triangle_frames(vertices, FACE)
    means, quaternions, scales = to_world(frames, torch.ones(1, 3), torch.tensor([[1.0, 0, 0, 0]]), torch.ones(1, 3))
    (means.sum() + quaternions.sum() + scales.sum()).backward()
    assert all(bool(torch.isfinite(value).all()) for value in (means, quaternions, scales, vertices.grad))
