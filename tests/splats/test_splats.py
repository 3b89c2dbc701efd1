import math

import pytest
import torch

from emotag.head.model import HeadModel
from emotag.motion.mouth import MouthOffsets
from emotag.splats.mouth_region import mouth_triangles
from emotag.splats.rig import to_world, triangle_frames
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats


@pytest.fixture
def splats(synthetic_head: HeadModel) -> Splats:
    count = 2 * len(synthetic_head.faces) + 50
    return sample_splats(synthetic_head, synthetic_head.template, SplatSettings(count=count, sh_degree=1))


def test_same_number_per_triangle_up_to_the_remainder(synthetic_head: HeadModel, splats: Splats) -> None:
    counts = torch.bincount(splats.binding, minlength=len(synthetic_head.faces))
    assert len(splats.binding) == 2 * len(synthetic_head.faces) + 50
    assert counts.min() == 2
    assert counts.max() == 3
    assert (counts == 3).sum() == 50


def test_fewer_splats_than_triangles_are_shared_out_by_size(synthetic_head: HeadModel) -> None:
    count = len(synthetic_head.faces) // 3
    few = sample_splats(synthetic_head, synthetic_head.template, SplatSettings(count=count))
    corners = synthetic_head.template[synthetic_head.faces]
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    expected = count * areas.sqrt() / areas.sqrt().sum()
    got = torch.bincount(few.binding, minlength=len(areas)).float()
    assert len(few.binding) == count
    assert (got - expected).abs().max() <= 1  # systematic: no triangle is off by more than one
    assert got[areas > areas.median()].sum() > got[areas <= areas.median()].sum()


def test_centres_lie_inside_their_triangles(synthetic_head: HeadModel, splats: Splats) -> None:
    """Eq. 3: barycentric weights, all in [0, 1], reproduce the centre."""
    rest = torch.zeros(1, 3)
    means, _, scales = splats.pose(synthetic_head.template[None], synthetic_head.faces, rest)
    corners = synthetic_head.template[synthetic_head.faces[splats.binding]].double()
    solved = torch.linalg.lstsq(
        torch.cat((corners.transpose(1, 2), torch.ones(len(corners), 1, 3).double()), dim=1),
        torch.cat((means[0].double(), torch.ones(len(corners), 1).double()), dim=1)[..., None],
    ).solution.squeeze(-1)
    assert solved.min() > -1e-3
    assert solved.max() < 1 + 1e-3
    # Sizes are those of the gaps between splats: millimetres on a head.
    assert 1e-4 < float(scales.detach().median()) < 1e-2


def test_excluded_triangles_carry_none(synthetic_head: HeadModel) -> None:
    excluded = torch.zeros(len(synthetic_head.faces), dtype=torch.bool)
    excluded[::2] = True
    some = sample_splats(synthetic_head, synthetic_head.template, SplatSettings(count=500), excluded)
    assert len(some.binding) == 500
    assert not excluded[some.binding].any()


def test_pose_without_offsets_is_equation_7(synthetic_head: HeadModel, splats: Splats) -> None:
    posed = synthetic_head.template[None] * 1.1 + 0.02
    means, _, scales = splats.pose(posed, synthetic_head.faces, torch.zeros(1, 3))
    frames = triangle_frames(posed, synthetic_head.faces[splats.binding])
    expected = to_world(frames, splats.means, splats.quaternions, splats.log_scales.exp())
    torch.testing.assert_close(means, expected[0])
    torch.testing.assert_close(scales, expected[2])


def test_offsets_move_the_mouth_splats_only_and_turn_with_the_head(synthetic_head: HeadModel, splats: Splats) -> None:
    count = len(splats.mouth)
    assert 0 < count < len(splats.binding)
    offsets = MouthOffsets(
        torch.tensor([0.0, 0.0, 0.01]).expand(1, count, 3),
        torch.zeros(1, count, 4),
        torch.full((1, count, 3), 0.5),
    )
    quarter_turn = torch.tensor([[0.0, torch.pi / 2, 0.0]])  # about y: the head's z becomes the world's x
    still = splats.pose(synthetic_head.template[None], synthetic_head.faces, quarter_turn)
    moved = splats.pose(synthetic_head.template[None], synthetic_head.faces, quarter_turn, offsets)
    difference = moved[0] - still[0]
    torch.testing.assert_close(
        difference[0, splats.mouth], torch.tensor([0.01, 0.0, 0.0]).expand(count, 3), rtol=0, atol=1e-6
    )
    others = torch.ones(len(splats.binding), dtype=torch.bool)
    others[splats.mouth] = False
    assert difference[0, others].abs().max() == 0
    torch.testing.assert_close(moved[2][0, splats.mouth], still[2][0, splats.mouth] * math.exp(0.5))
    torch.testing.assert_close(moved[1], still[1])  # Δr = 0 turns nothing


def test_mouth_region_is_one_patch_around_the_inner_lips(synthetic_head: HeadModel) -> None:
    mask = mouth_triangles(synthetic_head)
    assert 0 < int(mask.sum()) < len(mask)
    inner = synthetic_head.landmarks68.points(synthetic_head.template, synthetic_head.faces)[60:68]
    corners = synthetic_head.template[synthetic_head.faces[mask]].reshape(-1, 3)
    assert torch.cdist(corners, inner).min(dim=1).values.max() < 0.05
