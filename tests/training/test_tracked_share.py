"""A joint step that the tracker poses: its expression and jaw, the network's mouth offsets."""

import torch

from emotag.head.model import HeadModel
from emotag.splats.posed import PosedSplats
from emotag.training.prepared import Prepared
from emotag.training.pretrain import make_network
from emotag.training.sample import draw
from emotag.training.step import Window, head_half

from .people import MOTION, film


def test_the_face_is_tracked_and_the_mouth_s_offsets_are_the_network_s(synthetic_head: HeadModel) -> None:
    scene = film(synthetic_head).scene(synthetic_head)
    torch.manual_seed(0)
    grmn = make_network(MOTION, [scene]).eval()
    torch.nn.init.normal_(grmn.mouth.base.weight)  # a new decoder's offsets are zero
    windows = [Window(scene, draw(scene, MOTION.window, 2, torch.Generator().manual_seed(1)))]
    prepared = Prepared(synthetic_head, grmn)

    def posed(*, joint: bool, predicted: bool) -> PosedSplats:
        return head_half(grmn, windows, prepared, joint=joint, predicted=predicted, with_geometry=False)[0]

    still, tracked, moved = (posed(joint=j, predicted=p) for j, p in ((False, False), (True, False), (True, True)))
    mouth = torch.zeros(still.means.shape[1], dtype=torch.bool)
    mouth[scene.splats.mouth] = True
    assert mouth.any() and not mouth.all()
    torch.testing.assert_close(tracked.means[:, ~mouth], still.means[:, ~mouth])
    assert (tracked.means - still.means)[:, mouth].norm(dim=-1).mean() > 1e-5
    assert (moved.means - still.means)[:, ~mouth].norm(dim=-1).mean() > 1e-5

    tracked.means.square().sum().backward()
    assert grmn.mouth.base.weight.grad is not None and grmn.mouth.base.weight.grad.abs().sum() > 0
