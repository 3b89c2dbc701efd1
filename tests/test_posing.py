"""The head with its constant parts computed once, against `HeadModel.vertices`."""

import torch

from emotag.head.model import HeadModel
from emotag.posing import RestHead
from emotag.training.clip import HeadPose


def test_vertices_and_gradients_are_those_of_the_head_model(synthetic_head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    shape = noise(synthetic_head.n_shape)
    pose = HeadPose(0.3 * noise(6, 3), 0.1 * noise(6, 3), 0.2 * noise(6, 3), 0.2 * noise(6, 6))
    expression = noise(6, synthetic_head.n_expression).requires_grad_()
    jaw = (0.2 * noise(6, 3)).requires_grad_()
    index = torch.tensor([4, 0, 5])
    expected = synthetic_head.vertices(
        shape, expression, jaw, pose.neck_pose, pose.eyes_pose, pose.rotation, pose.translation
    )[index]
    rest = RestHead.of(synthetic_head, shape)
    got = rest.vertices(rest.track(pose)[index], expression[index], jaw[index])
    torch.testing.assert_close(got, expected, atol=2e-6, rtol=1e-5)
    weight = noise(*expected.shape)
    truth = torch.autograd.grad((expected * weight).sum(), (expression, jaw))
    found = torch.autograd.grad((got * weight).sum(), (expression, jaw))
    for one, two in zip(found, truth):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_an_offset_moves_the_skin_and_not_the_joints(synthetic_head: HeadModel) -> None:
    shape = torch.zeros(synthetic_head.n_shape)
    offset = torch.full((synthetic_head.n_vertices, 3), 0.01)
    plain, moved = RestHead.of(synthetic_head, shape), RestHead.of(synthetic_head, shape, offset)
    torch.testing.assert_close(moved.template - plain.template, offset)
    assert torch.equal(moved.joints, plain.joints)
