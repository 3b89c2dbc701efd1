import numpy as np
import torch
from scipy.spatial.transform import Rotation

from emotag.head.model import HeadModel
from emotag.head.tree import PARENTS


def plain_skinning(arrays, shape, expression, pose, translation):
    """FLAME as its paper writes it: one vertex at a time, 4 × 4 matrices, numpy and scipy."""
    directions = arrays["shapedirs"]
    shaped = arrays["v_template"] + directions[..., : len(shape)] @ shape
    joints = arrays["J_regressor"] @ shaped
    turns = [Rotation.from_rotvec(row).as_matrix() for row in pose]
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    rest = shaped + directions[..., 300 : 300 + len(expression)] @ expression + arrays["posedirs"] @ feature
    world = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    posed = np.zeros_like(rest)
    for vertex, point in enumerate(rest):
        for joint in range(5):
            moved = world[joint] @ np.append(point - joints[joint], 1.0)
            posed[vertex] += arrays["weights"][vertex, joint] * moved[:3]
    return posed + translation


def draw(model: HeadModel, batch: int, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    sizes = (model.n_shape, model.n_expression, 3, 3, 6, 3, 3)
    return [0.4 * torch.randn(batch, size, generator=generator, dtype=dtype) for size in sizes]


def double(model: HeadModel) -> HeadModel:
    from dataclasses import replace

    names = ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "skinning")
    return replace(model, **{name: getattr(model, name).double() for name in names})


def test_matches_a_plain_implementation(small_head, head_arrays):
    model = double(small_head)
    shape, expression, jaw, neck, eyes, rotation, translation = draw(model, 3)
    got = model.vertices(shape, expression, jaw, neck, eyes, rotation, translation)
    for b in range(3):
        pose = torch.cat((rotation[b], neck[b], jaw[b], eyes[b])).reshape(5, 3).numpy()
        want = plain_skinning(head_arrays, shape[b].numpy(), expression[b].numpy(), pose, translation[b].numpy())
        np.testing.assert_allclose(got[b].numpy(), want, atol=1e-7)  # the model's arrays are float32


def test_a_shared_shape_equals_a_repeated_one(small_head):
    shape, *rest = draw(small_head, 4, torch.float32)
    one = small_head.vertices(shape[0], *rest)
    many = small_head.vertices(shape[:1].expand(4, -1), *rest)
    torch.testing.assert_close(one, many)


def test_gradients(small_head):
    from dataclasses import replace

    model = double(small_head)
    few = torch.randperm(model.n_vertices, generator=torch.Generator().manual_seed(0))[:12]
    model = replace(  # joints stay those of the whole head
        model,
        template=model.template[few],
        shape_basis=model.shape_basis[:, few],
        expression_basis=model.expression_basis[:, few],
        pose_basis=model.pose_basis[:, few],
        skinning=model.skinning[few],
        joint_regressor=torch.full((5, 12), 1 / 12, dtype=torch.float64),
    )
    inputs = [value.requires_grad_() for value in draw(model, 2)]
    assert torch.autograd.gradcheck(model.vertices, inputs)


def test_rigid_motion_of_the_root(small_head):
    """Root rotation and translation move every vertex alike."""
    zero = [torch.zeros(1, size) for size in (small_head.n_shape, small_head.n_expression, 3, 3, 6)]
    turn, shift = torch.tensor([[0.2, -0.4, 0.1]]), torch.tensor([[0.01, 0.02, -0.03]])
    rest = small_head.vertices(*zero, torch.zeros(1, 3), torch.zeros(1, 3))[0]
    moved = small_head.vertices(*zero, turn, shift)[0]
    root = small_head.joint_regressor[0] @ small_head.template
    matrix = torch.from_numpy(Rotation.from_rotvec(turn[0].numpy()).as_matrix()).float()
    torch.testing.assert_close(moved, (rest - root) @ matrix.T + root + shift, atol=1e-6, rtol=0)


def test_save_and_load(small_head, tmp_path):
    small_head.save(tmp_path / "head.npz")
    loaded = HeadModel.load(tmp_path / "head.npz")
    assert torch.equal(loaded.template, small_head.template) and torch.equal(loaded.faces, small_head.faces)
    assert loaded.regions.keys() == small_head.regions.keys()
    assert torch.equal(loaded.regions["neck_bottom"], small_head.regions["neck_bottom"])
