import math

import pytest
import torch

from emotag.motion.mouth import MouthOffsets
from emotag.training.losses.emotion import emotion_kl, gate_score
from emotag.training.losses.geometry import align_depth, depth_loss, normal_loss
from emotag.training.losses.reduce import weighted_mean
from emotag.training.losses.regularisers import (
    mouth_penalty,
    position_penalty,
    scale_penalty,
    smoothness,
    track_loss,
)
from emotag.training.losses.render import render_loss
from emotag.training.losses.ssim import ssim
from emotag.training.losses.total import total


def test_weighted_mean_ignores_nan_without_weight() -> None:
    values = torch.tensor([1.0, float("nan"), 4.0, float("inf")], requires_grad=True)
    result = weighted_mean(values, torch.tensor([3.0, 0.0, 1.0, 0.0]))
    assert result.item() == pytest.approx(7 / 4)
    result.backward()
    torch.testing.assert_close(values.grad, torch.tensor([0.75, 0.0, 0.25, 0.0]))
    assert weighted_mean(values, torch.zeros(4)).item() == 0


def test_render_loss_by_hand() -> None:
    truth = torch.full((1, 16, 16, 3), 0.5)
    image = torch.full((1, 16, 16, 3), 0.7)
    similarity = (2 * 0.5 * 0.7 + 1e-4) / (0.25 + 0.49 + 1e-4)  # no variance: the contrast term is 1
    assert render_loss(image, truth).item() == pytest.approx(0.2 + 0.2 * (1 - similarity), abs=1e-4)
    assert render_loss(image, truth, dssim=0).item() == pytest.approx(0.2)
    assert render_loss(truth, truth).item() == pytest.approx(0, abs=1e-6)


def test_render_loss_in_a_mask() -> None:
    generator = torch.Generator().manual_seed(0)
    image, truth = torch.rand(2, 2, 20, 24, 3, generator=generator)
    mask = torch.zeros(2, 20, 24, dtype=torch.bool)
    mask[:, 7:12, 8:13] = True
    expected = (image - truth).abs()[:, 7:12, 8:13].mean() + 0.2 * (1 - ssim(image, truth, mask))
    torch.testing.assert_close(render_loss(image, truth, mask=mask), expected)
    with pytest.raises(ValueError, match="mask"):
        render_loss(image, truth, mask=mask[:, 1:])


def test_emotion_kl_by_hand() -> None:
    probabilities = torch.tensor([[0.5, 0.5, 0, 0, 0, 0, 0]])
    logits = torch.zeros(1, 7)
    assert emotion_kl(logits, probabilities).item() == pytest.approx(math.log(7) - math.log(2), abs=1e-6)
    matching = torch.tensor([[0.1, 0.2, 0.05, 0.15, 0.2, 0.2, 0.1]])
    assert emotion_kl(matching.log() + 3, matching).item() == pytest.approx(0, abs=1e-6)


def test_emotion_kl_equals_torch_and_has_its_direction() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(5, 7, generator=generator).softmax(-1)
    logits = torch.randn(5, 7, generator=generator)
    expected = torch.nn.functional.kl_div(logits.log_softmax(-1), probabilities, reduction="batchmean")
    torch.testing.assert_close(emotion_kl(logits, probabilities), expected)


def test_emotion_losses_ignore_frames_that_the_teacher_could_not_judge() -> None:
    probabilities = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0], [float("nan")] * 7])
    logits = torch.zeros(2, 7, requires_grad=True)
    valid = torch.tensor([True, False])
    loss = emotion_kl(logits, probabilities, valid) + gate_score(
        logits[:, 0].sigmoid(), torch.tensor([1.0, float("nan")]), valid
    )
    assert loss.item() == pytest.approx(math.log(7) + 0.5, abs=1e-6)
    loss.backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().max() == 0
    assert emotion_kl(logits, probabilities, torch.zeros(2, dtype=torch.bool)).item() == 0


def test_gradients_are_finite_for_a_certain_teacher() -> None:
    logits = torch.tensor([[200.0, -200, 0, 0, 0, 0, 0]], requires_grad=True)
    emotion_kl(logits, torch.tensor([[0.0, 1, 0, 0, 0, 0, 0]])).backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_gate_score_by_hand() -> None:
    assert gate_score(torch.tensor([0.2, 0.9]), torch.tensor([0.5, 0.5])).item() == pytest.approx(0.35)


def _head(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    depth = 1 + 0.05 * torch.randn(2, 12, 10, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(2, 12, 10, dtype=torch.bool)
    mask[0, :3] = False
    return depth, mask


def test_align_depth_recovers_scale_and_shift() -> None:
    depth, mask = _head()
    relative = (depth - 0.7) / torch.tensor([2.0, 0.5])[:, None, None]
    relative[~mask] = 1e3
    scale, shift = align_depth(relative, depth, mask)
    torch.testing.assert_close(scale, torch.tensor([2.0, 0.5]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shift, torch.tensor([0.7, 0.7]), atol=1e-4, rtol=1e-4)


def test_align_depth_equals_least_squares() -> None:
    depth, mask = _head()
    relative = torch.randn(2, 12, 10, generator=torch.Generator().manual_seed(3))
    scale, shift = align_depth(relative, depth, mask)
    design = torch.stack((relative[0][mask[0]], torch.ones(int(mask[0].sum()))), dim=1)
    solution = torch.linalg.lstsq(design, depth[0][mask[0]][:, None]).solution.flatten()
    torch.testing.assert_close(torch.stack((scale[0], shift[0])), solution, atol=1e-5, rtol=1e-4)


def test_depth_loss_is_blind_to_scale_and_shift_but_not_to_shape() -> None:
    depth, mask = _head()
    assert depth_loss(depth, 5 * depth - 3, mask).item() == pytest.approx(0, abs=1e-4)
    bumped = depth.clone()
    bumped[:, 6, 5] += 0.2
    assert depth_loss(bumped, 5 * depth - 3, mask).item() > 0.01


def test_depth_loss_by_hand() -> None:
    # Depths 1, 2, 3, 4 against 1, 3, 2, 4: slope 0.8, shift 0.5, residuals -0.3, -0.9, 0.9, 0.3; spread sqrt(1.25).
    depth = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    relative = torch.tensor([[[1.0, 3.0, 2.0, 4.0]]])
    loss = depth_loss(depth, relative, torch.ones(1, 1, 4))
    assert loss.item() == pytest.approx(0.6 / math.sqrt(1.25), abs=1e-5)


def test_depth_loss_leaves_out_contradicting_flat_and_empty_frames() -> None:
    depth, mask = _head()
    depth.requires_grad_()
    for relative, where in ((-depth.detach(), mask), (torch.ones(2, 12, 10), mask), (depth.detach(), mask & False)):
        loss = depth_loss(depth, relative, where)
        assert loss.item() == 0
        loss.backward()
        assert depth.grad is not None and depth.grad.abs().max() == 0


def test_depth_loss_cannot_be_lowered_by_flattening() -> None:
    depth, mask = _head()
    relative = depth + 0.02 * torch.randn(depth.shape, generator=torch.Generator().manual_seed(5))
    flatter = depth.mean() + 0.5 * (depth - depth.mean())
    torch.testing.assert_close(depth_loss(flatter, relative, mask), depth_loss(depth, relative, mask))


def test_normal_loss_by_hand() -> None:
    normal = torch.tensor([[[[0.0, 0, 2], [1, 0, 0], [0, 0, 0], [0, 1, 0]]]], requires_grad=True)
    truth = torch.tensor([[[[0.0, 0, 1], [0, 1, 0], [0, 0, 1], [0, -1, 0]]]])
    mask = torch.ones(1, 1, 4)
    loss = normal_loss(normal, truth, mask)
    assert loss.item() == pytest.approx((0 + 1 + 2) / 3, abs=1e-6)  # the empty normal is left out
    loss.backward()
    assert normal.grad is not None and torch.isfinite(normal.grad).all()
    assert normal_loss(normal, truth, mask * torch.tensor([1.0, 0, 0, 0])).item() == pytest.approx(0, abs=1e-6)


def test_position_penalty_by_hand() -> None:
    means = torch.tensor([[0.0, 0, 0], [3.0, 0, 4], [0.5, 0, 0]], requires_grad=True)
    assert position_penalty(means).item() == pytest.approx(4 / 3)
    loss = position_penalty(means, torch.tensor([True, True, False]))
    assert loss.item() == pytest.approx(2)
    loss.backward()
    torch.testing.assert_close(means.grad, torch.tensor([[0.0, 0, 0], [0.3, 0, 0.4], [0, 0, 0]]))


def test_scale_penalty_by_hand() -> None:
    log_scales = torch.log(torch.tensor([[0.1, 0.6, 0.2], [3.6, 4.6, 0.1]])).requires_grad_()
    loss = scale_penalty(log_scales)
    assert loss.item() == pytest.approx(5 / 2, abs=1e-5)
    loss.backward()
    assert log_scales.grad is not None and torch.isfinite(log_scales.grad).all()


def test_mouth_penalty_by_hand() -> None:
    offsets = MouthOffsets(torch.full((2, 5, 3), 0.005), torch.zeros(2, 5, 4), torch.full((2, 5, 3), -0.5))
    limits = torch.tensor([0.01] * 3 + [0.25] * 4 + [0.5] * 3)
    assert mouth_penalty(offsets, limits).item() == pytest.approx((3 * 0.25 + 3 * 1) / 10)


def test_track_loss_by_hand() -> None:
    expression, jaw = torch.zeros(1, 2, 2, requires_grad=True), torch.zeros(1, 2, 3, requires_grad=True)
    target = torch.tensor([[[0.1, 0.0], [0.0, 9.0]]])
    tracked_jaw = torch.tensor([[[0.3, 0.0, 0.0], [9.0, 9.0, float("nan")]]])
    valid = torch.tensor([[True, False]])
    scales = torch.tensor([0.2, 1.0]), torch.full((3,), 0.1)
    loss = track_loss(expression, jaw, target, tracked_jaw, *scales, valid)
    assert loss.item() == pytest.approx(0.5 * 0.25 / 2 + (3 - 0.5) / 3, abs=1e-6)
    loss.backward()
    assert jaw.grad is not None and torch.isfinite(jaw.grad).all()
    assert jaw.grad[0, 1].abs().max() == 0


def test_smoothness_by_hand() -> None:
    time = torch.arange(6.0)[None, :, None]
    assert smoothness(3 * time + 1).item() == 0
    assert smoothness(time**2).item() == pytest.approx(4)
    assert smoothness(time**2, torch.tensor([2.0])).item() == pytest.approx(1)
    assert smoothness(time[:, :2]).item() == 0


def test_total_is_the_weighted_sum() -> None:
    terms = {"render": torch.tensor(2.0, requires_grad=True), "kl": torch.tensor(3.0), "geo": torch.tensor(math.nan)}
    value = total(terms, {"render": 0.5, "kl": 2.0, "geo": 0.0}, step=3)
    assert value.item() == pytest.approx(7)
    value.backward()
    assert terms["render"].grad == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_total_names_the_term_and_the_step(bad) -> None:
    terms = {"render": torch.tensor(1.0), "kl": torch.tensor(bad), "score": torch.tensor(bad)}
    with pytest.raises(FloatingPointError, match=r"step 41: kl = .*, score = ") as error:
        total(terms, {"render": 1, "kl": 1, "score": 1}, step=41)
    assert "render" not in str(error.value)


def test_total_needs_weights() -> None:
    with pytest.raises(KeyError):
        total({"render": torch.tensor(1.0)}, {}, step=0)
    with pytest.raises(ValueError, match="no term"):
        total({"render": torch.tensor(1.0)}, {"render": 0}, step=0)


def test_geometry_losses_ignore_nan_outside_the_mask() -> None:
    depth, mask = _head()
    mask[:, 4:6] = False
    depth.requires_grad_()
    relative = (2 * depth.detach()).masked_fill(~mask, float("nan"))
    normal = torch.ones(2, 12, 10, 3, requires_grad=True)
    truth = torch.ones(2, 12, 10, 3).masked_fill(~mask[..., None], float("nan"))
    loss = depth_loss(depth, relative, mask) + normal_loss(normal, truth, mask)
    assert loss.item() == pytest.approx(0, abs=1e-4)
    loss.backward()
    assert depth.grad is not None and torch.isfinite(depth.grad).all()
    assert normal.grad is not None and torch.isfinite(normal.grad).all()
