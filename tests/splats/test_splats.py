import math
from dataclasses import replace

import pytest
import torch

from emotag.head.model import HeadModel
from emotag.motion.mouth import MouthOffsets
from emotag.splats.mouth_region import mouth_triangles, tooth_triangles
from emotag.splats.rig import to_world, triangle_frames
from emotag.splats.sampling import Importance, Outline, sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats


@pytest.fixture
def splats(synthetic_head: HeadModel) -> Splats:
    count = 2 * len(synthetic_head.faces) + 50
    return sample_splats(
        synthetic_head, synthetic_head.template, SplatSettings(count=count, sh_degree=1, allocation="equal")
    )


def test_same_number_per_triangle_up_to_the_remainder(synthetic_head: HeadModel, splats: Splats) -> None:
    counts = torch.bincount(splats.binding, minlength=len(synthetic_head.faces))
    assert len(splats.binding) == 2 * len(synthetic_head.faces) + 50
    assert counts.min() == 2
    assert counts.max() == 3
    assert (counts == 3).sum() == 50


def test_fewer_splats_than_triangles_are_shared_out_by_size(synthetic_head: HeadModel) -> None:
    count = len(synthetic_head.faces) // 3
    few = sample_splats(synthetic_head, synthetic_head.template, SplatSettings(count=count, allocation="equal"))
    corners = synthetic_head.template[synthetic_head.faces]
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    expected = count * areas.sqrt() / areas.sqrt().sum()
    got = torch.bincount(few.binding, minlength=len(areas)).float()
    assert len(few.binding) == count
    assert (got - expected).abs().max() <= 1  # systematic: no triangle is off by more than one
    assert got[areas > areas.median()].sum() > got[areas <= areas.median()].sum()


def test_area_allocation_is_as_dense_everywhere(synthetic_head: HeadModel) -> None:
    settings = SplatSettings(count=5000, allocation="area")
    got = torch.bincount(
        sample_splats(synthetic_head, synthetic_head.template, settings).binding, minlength=len(synthetic_head.faces)
    )
    areas = _areas(synthetic_head)
    assert (got - 5000 * areas / areas.sum()).abs().max() <= 1


def test_visible_allocation_follows_what_was_seen(synthetic_head: HeadModel) -> None:
    """Two thirds of the visible weight on one triangle in three, the unseen share by area."""
    triangles = len(synthetic_head.faces)
    weight = torch.ones(triangles)
    weight[::3] = 4.0
    settings = SplatSettings(count=9000, unseen_share=0.2)
    importance = Importance(weight, Outline(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3), 0.0))
    splats = sample_splats(synthetic_head, synthetic_head.template, settings, importance=importance)
    got = torch.bincount(splats.binding, minlength=triangles)
    areas = _areas(synthetic_head)
    expected = 9000 * (0.2 * areas / areas.sum() + 0.8 * weight / weight.sum())
    assert (got - expected).abs().max() <= 1
    equal = sample_splats(
        synthetic_head, synthetic_head.template, settings.model_copy(update={"allocation": "equal"}), None, importance
    )
    assert torch.bincount(equal.binding, minlength=triangles).float().std() < 0.5


def test_outline_splats_stand_where_they_were_seen(synthetic_head: HeadModel) -> None:
    """A quarter of the visible weight lies two units off some triangles; an excluded one gets none of it."""
    triangles = len(synthetic_head.faces)
    carriers = torch.arange(0, triangles, 3).repeat(4)
    places = torch.tensor([0.0, 2.0, 0.0]).expand(len(carriers), 3)
    importance = Importance(torch.ones(triangles), Outline(carriers, places, triangles / 3))
    settings = SplatSettings(count=4000, unseen_share=0.0)
    excluded = torch.zeros(triangles, dtype=torch.bool)
    excluded[3] = True
    splats = sample_splats(synthetic_head, synthetic_head.template, settings, excluded, importance)
    off = splats.means.detach()[:, 1] > 1
    assert len(splats.binding) == 4000
    assert int(off.sum()) == pytest.approx(1000, abs=5)
    torch.testing.assert_close(splats.means.detach()[off], places[:1].expand(int(off.sum()), 3), rtol=0, atol=1e-3)
    assert (splats.binding[off] % 3 == 0).all()
    assert not (splats.binding == 3).any()


def test_splats_of_a_triangle_are_spread_evenly(synthetic_head: HeadModel) -> None:
    """No two of them as near to each other as random places would be."""
    count = 12 * len(synthetic_head.faces)
    settings = SplatSettings(count=count, allocation="equal")
    means = sample_splats(synthetic_head, synthetic_head.template, settings).means.detach()
    some = len(synthetic_head.faces) // 3  # not a sliver at the pole
    first = means[12 * some : 12 * (some + 1)]
    gaps = torch.cdist(first, first) + torch.eye(12) * 10
    corners = torch.rand(200, 12, 2, generator=torch.Generator().manual_seed(0))
    corners = torch.where(corners.sum(-1, keepdim=True) > 1, 1 - corners, corners)
    random = torch.stack([(torch.cdist(p, p) + torch.eye(12) * 10).min() for p in corners])
    size = (first.amax(0) - first.amin(0)).max()
    assert gaps.min() / size > 2 * random.mean()


def test_teeth_ride_on_the_skull_unless_told_otherwise(synthetic_head: HeadModel) -> None:
    inside = mouth_triangles(synthetic_head)
    teeth = synthetic_head.faces[inside][::2].unique()
    head = replace(synthetic_head, regions=synthetic_head.regions | {"upper_teeth": teeth})
    settings = SplatSettings(count=2 * len(head.faces), allocation="equal")
    rigid = sample_splats(head, head.template, settings)
    free = sample_splats(head, head.template, settings.model_copy(update={"rigid_teeth": False}))
    tooth = tooth_triangles(head)
    assert tooth.any()
    assert not tooth[rigid.binding[rigid.mouth]].any()
    assert tooth[free.binding[free.mouth]].any()


def _areas(head: HeadModel) -> torch.Tensor:
    corners = head.template[head.faces]
    return torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1) / 2


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
