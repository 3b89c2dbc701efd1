from dataclasses import replace

import pytest
import torch

from emotag.head.model import HeadModel
from emotag.head.trim import without


def with_shoulders(head: HeadModel) -> HeadModel:
    low = torch.nonzero(head.template[:, 1] < -0.095)[:, 0]
    joints = head.joint_regressor.clone()
    joints[:, low] = 0
    joints[0, torch.argmin(head.template[:, 1] + (head.template[:, 1] < -0.095))] = 1
    head = replace(head, joint_regressor=joints / joints.sum(1, keepdim=True))
    regions = head.regions | {"shoulders": low, "below": torch.arange(head.n_vertices)}
    return replace(head, regions=regions)


def test_what_stays_moves_as_before(synthetic_head: HeadModel) -> None:
    model = with_shoulders(synthetic_head)
    cut = without(model, "shoulders")
    assert cut.n_vertices < model.n_vertices
    assert "shoulders" not in cut.regions
    generator = torch.Generator().manual_seed(0)
    motion = [torch.randn(2, width, generator=generator) * 0.2 for width in (model.n_expression, 3, 3, 6, 3, 3)]
    shape = torch.randn(model.n_shape, generator=generator)
    before, after = model.vertices(shape, *motion), cut.vertices(shape, *motion)
    torch.testing.assert_close(
        model.landmarks468.points(before, model.faces), cut.landmarks468.points(after, cut.faces)
    )
    eye = "left_eye"
    torch.testing.assert_close(before[:, model.regions[eye]], after[:, cut.regions[eye]])
    assert int(cut.faces.max()) == cut.n_vertices - 1
    assert len(torch.unique(cut.faces)) == cut.n_vertices


def test_without_an_empty_region_nothing_changes(synthetic_head: HeadModel) -> None:
    assert without(synthetic_head, "shoulders") is synthetic_head


def test_a_landmark_on_what_goes_is_refused(synthetic_head: HeadModel) -> None:
    corner = synthetic_head.faces[synthetic_head.landmarks468.triangles[0], :1]
    model = replace(synthetic_head, regions=synthetic_head.regions | {"wart": corner})
    with pytest.raises(ValueError, match=r"joint of|landmark of"):
        without(model, "wart")
