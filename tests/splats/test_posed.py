"""Splats on posed heads: the plain form against its parts, the fused kernels against the plain form."""

import pytest
import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.motion.mouth import MouthOffsets
from emotag.splats.posed import PosedSplats, pose_splats, pose_splats_reference
from emotag.splats.rasterize import splat_normals
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats

COUNT, MOUTH, FRAMES = 700, 60, 3


@pytest.fixture
def splats(synthetic_head: HeadModel) -> Splats:
    """Splats that are not as they start, a few of them anywhere called the mouth."""
    generator = torch.Generator().manual_seed(0)
    made = sample_splats(synthetic_head, synthetic_head.template, SplatSettings(count=COUNT))
    with torch.no_grad():
        for parameter, spread in ((made.means, 0.1), (made.quaternions, 0.5), (made.log_scales, 0.3)):
            parameter.add_(spread * torch.randn(parameter.shape, generator=generator))
    made.mouth = torch.randperm(COUNT, generator=generator)[:MOUTH]
    made.mouth_rest = torch.zeros(MOUTH, 3)
    return made


def scene(head: HeadModel) -> tuple[Tensor, Tensor, MouthOffsets]:
    generator = torch.Generator().manual_seed(1)
    noise = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    vertices = head.template + 0.002 * noise(FRAMES, head.n_vertices, 3)
    offsets = MouthOffsets(*(0.3 * noise(FRAMES, MOUTH, channels) for channels in (3, 4, 3)))
    return vertices, 0.3 * noise(FRAMES, 3), offsets


def test_matrices_turn_as_axis_angles_do_and_normals_are_those_of_the_splats(
    synthetic_head: HeadModel, splats: Splats
) -> None:
    vertices, rotation, offsets = scene(synthetic_head)
    view = Camera(2.0, 64, 64).view_matrix()
    posed = pose_splats(splats, vertices, synthetic_head.faces, axis_angle_to_matrix(rotation), offsets, view)
    means, quaternions, scales = splats.pose(vertices, synthetic_head.faces, rotation, offsets)
    torch.testing.assert_close(posed.means, means)
    torch.testing.assert_close(posed.quaternions, quaternions)
    torch.testing.assert_close(posed.scales, scales)
    assert posed.normals is not None
    torch.testing.assert_close(posed.normals, splat_normals(quaternions, scales, means, view))


def test_layout_follows_the_binding(synthetic_head: HeadModel, splats: Splats) -> None:
    corners, slots = splats.layout(synthetic_head.faces)
    assert torch.equal(corners.T.long(), synthetic_head.faces[splats.binding])
    assert torch.equal(slots[splats.mouth].long(), torch.arange(MOUTH))
    assert (slots < 0).sum() == COUNT - MOUTH
    splats.binding.copy_(splats.binding.flip(0))
    assert torch.equal(splats.layout(synthetic_head.faces)[0], corners.flip(1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("with_offsets", [False, True])
@pytest.mark.parametrize("with_normals", [False, True])
def test_fused_kernels_agree_in_values_and_gradients(
    synthetic_head: HeadModel, splats: Splats, with_offsets: bool, with_normals: bool
) -> None:
    generator = torch.Generator().manual_seed(2)
    weights = [torch.randn(FRAMES, COUNT, channels, generator=generator) for channels in (3, 4, 3, 3)]

    def run(device: str, dtype: torch.dtype, pose: object) -> tuple[list[Tensor], list[Tensor]]:
        vertices, rotation, offsets = scene(synthetic_head)
        own = splats.to(device, dtype)
        leaves = [vertices.to(device, dtype), *(part.to(device, dtype) for part in offsets)]
        for leaf in leaves:
            leaf.requires_grad_()
        view = Camera(2.0, 64, 64).view_matrix().to(device, dtype) if with_normals else None
        posed: PosedSplats = pose(  # type: ignore[operator]
            own, leaves[0], synthetic_head.faces.to(device), rotation.to(device, dtype),
            MouthOffsets(*leaves[1:]) if with_offsets else None, view,
        )  # fmt: skip
        unit = torch.nn.functional.normalize(posed.quaternions, dim=-1)  # no rasterizer sees a quaternion's length
        found = [posed.means, unit, 100 * posed.scales, *([posed.normals] if posed.normals is not None else [])]
        wanted = [*leaves[: 4 if with_offsets else 1], own.means, own.quaternions, own.log_scales]
        loss = sum((part * weight.to(part)).sum() for part, weight in zip(found, weights))
        assert isinstance(loss, Tensor)
        slopes = torch.autograd.grad(loss, wanted)
        return [part.detach().cpu().double() for part in found], [slope.cpu().double() for slope in slopes]

    values, slopes = run("cpu", torch.float64, pose_splats_reference)
    torch.full((64 << 20,), torch.nan, device="cuda")  # what the kernels do not write would show
    got, found = run("cuda", torch.float32, pose_splats)
    for one, two in zip(got, values):
        assert (one - two).norm() < 1e-5 * two.norm()
    for one, two in zip(found, slopes):
        assert (one - two).norm() < 1e-4 * two.norm()
