import math

import torch

from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.tracking.bias import EyeFrame, LandmarkBias, landmark_bias, lips_468, unbiased
from emotag.perception.tracking.observations import Observations

BROWS = [55, 107, 285, 336]


def faces(count: int = 3) -> torch.Tensor:  # (T, 468, 3) pixels: the mean face of the map, placed in an image
    mean = landmark_bias().mean.reshape(468, 3)
    return (mean * torch.tensor([60.0, 60.0, 60.0]) + torch.tensor([130.0, 120.0, 0.0])).repeat(count, 1, 1)


def turned(points: torch.Tensor, angle: float, scale: float, shift: tuple[float, float]) -> torch.Tensor:
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = scale * torch.tensor([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return points @ matrix + torch.tensor([*shift, 0.0])


def test_eye_frame_puts_the_eyes_upright_one_apart() -> None:
    inside = EyeFrame.of(turned(faces(), 0.4, 1.7, (20.0, -9.0))).inside(turned(faces(), 0.4, 1.7, (20.0, -9.0)))
    torch.testing.assert_close(inside[:, 263, 0] - inside[:, 33, 0], torch.ones(3))
    torch.testing.assert_close(inside[:, 263, 1], inside[:, 33, 1], atol=1e-5, rtol=0)


def test_displacements_come_back_to_pixels() -> None:
    points = turned(faces(), 0.4, 1.7, (20.0, -9.0))
    frame = EyeFrame.of(points)
    step = torch.randn(3, 468, 2, generator=torch.Generator().manual_seed(0)) * 0.02
    moved = torch.cat((points[..., :2] + frame.outside(step), points[..., 2:]), dim=-1)
    torch.testing.assert_close(frame.inside(moved)[..., :2] - frame.inside(points)[..., :2], step, atol=1e-5, rtol=0)


def test_correction_turns_and_grows_with_the_picture() -> None:
    bias, points = landmark_bias(), faces()
    points[1, BROWS, 1] -= 4.0
    usual = bias.usual(points)
    seen = turned(points, -0.3, 1.4, (5.0, 8.0))
    wanted = turned(bias.corrected(points, usual), -0.3, 1.4, (5.0, 8.0))
    torch.testing.assert_close(bias.usual(seen), usual, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(bias.corrected(seen, usual)[..., :2], wanted[..., :2], atol=1e-2, rtol=0)


def likely_faces(count: int) -> torch.Tensor:  # (T, 468, 3) pixels: as Face Mesh shows faces, drawn at random
    bias = landmark_bias()
    codes = torch.randn(count, bias.basis.shape[1], generator=torch.Generator().manual_seed(1))
    shown = (bias.mean + codes @ torch.linalg.pinv(bias.basis)).reshape(count, 468, 3)
    return shown * 60.0 + torch.tensor([130.0, 120.0, 0.0])


def test_brows_move_further_in_truth_than_in_the_network() -> None:
    bias, points = landmark_bias(), likely_faces(400)
    made = bias.corrected(points, bias.usual(points))
    before, after = (EyeFrame.of(points).inside(one[..., :2])[:, BROWS, 1].mean(1) for one in (points, made))
    before, after = before - before.mean(), after - after.mean()
    gain = float((before @ after) / (before @ before))
    assert 1.05 < gain < 2.0


def test_depth_stays_and_a_perfect_network_is_left_alone() -> None:
    bias, points = landmark_bias(), faces()
    assert torch.equal(bias.corrected(points, bias.usual(points))[..., 2], points[..., 2])
    nothing = LandmarkBias(bias.mean, bias.basis, 0 * bias.within, 0 * bias.between, 0 * bias.constant)
    torch.testing.assert_close(nothing.corrected(points, bias.usual(points)), points)


def test_what_the_file_corrects_is_small() -> None:
    bias, points = landmark_bias(), faces()
    moved = bias.corrected(points, bias.usual(points))[:, IBUG68, :2] - points[:, IBUG68, :2]
    assert float(moved.norm(dim=-1).mean()) < 0.06 * 60  # of the outer-eye distance


def test_observations_without_a_usual_face_are_left_alone() -> None:
    seen = Observations(faces(), torch.ones(3, dtype=torch.bool), 256, 256)
    assert unbiased(seen, None) is seen
    changed = unbiased(seen, landmark_bias().usual(seen.points))
    assert changed.points.shape == seen.points.shape
    assert not torch.equal(changed.points, seen.points)


def test_lips_move_as_the_face_around_them() -> None:
    bias, points = landmark_bias(), likely_faces(20)
    lips, plain, follow = lips_468(), bias, bias.lips_follow()
    usual = bias.usual(points)

    def opening(made: torch.Tensor) -> torch.Tensor:  # beyond what is shown, eye distances
        step = EyeFrame.of(points).inside(made[..., :2]) - EyeFrame.of(points).inside(points)[..., :2]
        return (step[:, 14, 1] - step[:, 13, 1]).abs().mean()

    own, shared = (opening(one.corrected(points, usual, face=0.0)) for one in (plain, follow))
    assert float(shared) < 0.4 * float(own)
    away = [index for index in BROWS if index not in lips]
    torch.testing.assert_close(
        follow.corrected(points, usual)[:, away], plain.corrected(points, usual)[:, away], atol=1e-3, rtol=0
    )


def test_no_more_is_undone_than_actors_span() -> None:
    bias = landmark_bias()
    points = likely_faces(30)
    usual = bias.usual(points)
    near, far = (bias.corrected(points, scale * usual / usual.norm(), motion=0.0) - points for scale in (6.0, 60.0))
    assert 0.2 < float(far.norm() / near.norm()) < 2.0
    step = [(bias.corrected(points, usual, face=0.0, motion=share) - points).norm() for share in (0.5, 1.0)]
    torch.testing.assert_close(2 * step[0], step[1], rtol=1e-3, atol=0)


def test_shares_of_zero_leave_landmarks() -> None:
    points = likely_faces(3)
    seen = Observations(points, torch.ones(3, dtype=torch.bool), 256, 256)
    same = unbiased(seen, landmark_bias().usual(points), 0.0, 0.0)
    torch.testing.assert_close(same.points, points)
