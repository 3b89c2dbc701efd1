import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.media.video import stream_frames
from emotag.perception.matte.guided import guided_filter
from emotag.perception.matte.neck import below_chin, head_alpha, neck_line, neck_ring, neck_rings
from emotag.perception.matte.selfie import SelfieSegmentation
from emotag.perception.matte.sequence import MatteSettings, person_alphas, without_islands
from emotag.perception.open_models import fetch_open_models
from emotag.perception.tracking.track import Track

FOOTAGE = Path(__file__).parents[2] / "../shared/footage"


@pytest.fixture(scope="module")
def open_networks() -> Path:
    folder = Path(__file__).parents[2] / "models" / "open"
    fetch_open_models(folder)  # nothing to do when they are there
    return folder


def _guided_filter_by_windows(guide: np.ndarray, mask: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Say the definition: a ridge regression in every window, each pixel's mean over the windows that hold it."""
    height, width = mask.shape
    total, count = np.zeros_like(mask), np.zeros_like(mask)
    for y, x in itertools.product(range(radius, height - radius), range(radius, width - radius)):
        window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
        colours, values = guide[window].reshape(-1, 3), mask[window].ravel()
        mean, target = colours.mean(axis=0), values.mean()
        covariance = (colours - mean).T @ (colours - mean) / len(colours) + epsilon * np.eye(3)
        slope = np.linalg.solve(covariance, (colours - mean).T @ (values - target) / len(colours))
        total[window] += guide[window] @ slope + target - slope @ mean
        count[window] += 1
    return total / np.maximum(count, 1)


def test_guided_filter_equals_its_definition():
    rng = np.random.default_rng(0)
    guide = rng.uniform(size=(24, 26, 3)).astype(np.float32)
    mask = rng.uniform(size=(24, 26)).astype(np.float32)
    slow = _guided_filter_by_windows(guide.astype(np.float64), mask.astype(np.float64), 2, 1e-2)
    fast = guided_filter(guide, mask, 2, 1e-2)
    np.testing.assert_allclose(fast[4:-4, 4:-4], slow[4:-4, 4:-4], atol=2e-4)


def test_a_coarse_mask_takes_over_the_edge_of_the_picture():
    edge = 70
    guide = np.full((128, 128, 3), 0.2, np.float32)
    guide[:, edge:] = 0.8
    coarse = np.zeros((32, 32), np.float32)
    coarse[:, 18:] = 1  # at 72, two pixels off
    coarse[:, 17] = 0.5
    alpha = guided_filter(guide, coarse, 3, 1e-4)
    assert alpha[64, : edge - 2].max() < 0.2 and alpha[64, edge + 2 :].min() > 0.8
    flat = guided_filter(np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64), 0.7, np.float32), 4, 1e-4)
    np.testing.assert_allclose(flat, 0.7, atol=1e-3)


def test_islands_go_and_soft_edges_stay():
    mask = np.zeros((64, 64), np.float32)
    mask[20:60, 10:40] = 1
    mask[18:20, 10:40] = 0.2
    mask[30:40, 56:62] = 0.9
    kept = without_islands(mask)
    assert not kept[:, 50:].any()
    np.testing.assert_array_equal(kept[:, :45], mask[:, :45])


def test_neck_line_is_the_near_half_of_the_ring():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.stack((100 + 40 * np.cos(angle), 200 + 12 * np.sin(angle)), axis=1)
    for turned in (ring, ring[::-1], np.roll(ring, 17, axis=0)):
        line = neck_line(turned)
        assert (np.diff(line[:, 0]) > 0).all()
        expected = 200 + 12 * np.sqrt(np.clip(1 - ((line[:, 0] - 100) / 40) ** 2, 0, 1))
        np.testing.assert_allclose(line[2:-2, 1], expected[2:-2], atol=0.6)


def test_head_alpha_ends_softly_at_the_line_and_leaves_the_shoulders():
    person = np.full((100, 120), 200, np.uint8)
    line = np.array([[40.0, 60.0], [80.0, 70.0]])
    alpha = head_alpha(person, line, 6)
    assert (alpha[:17] == 200).all() and (alpha[80:] == 0).all()
    # 30 pixels beyond either end the line stands 30 pixels higher.
    assert alpha[26, 10] == 200 and alpha[33, 10] == 0 and alpha[36, 110] == 200 and alpha[44, 110] == 0
    assert abs(int(alpha[60, 40]) - 100) < 25
    assert (np.diff(alpha[:, 60].astype(int)) <= 0).all()
    assert set(np.unique(head_alpha(np.zeros((9, 9), np.uint8), line, 3))) == {0}


def test_a_lifted_ring_stands_on_the_neck(synthetic_head):
    bottom = synthetic_head.template[:, 1].argsort()[:40]
    head = replace(synthetic_head, regions=synthetic_head.regions | {"neck_bottom": bottom})
    assert torch.equal(head.template[neck_ring(head, 0.0)], head.template[bottom])
    joints = head.joint_regressor @ head.template
    raised = head.template[neck_ring(head, 0.5)][:, 1].mean() - head.template[bottom][:, 1].mean()
    assert 0.05 < float(raised / (joints[1, 1] - joints[0, 1])) < 0.8
    inside = torch.cat([head.regions["left_eye"], head.regions["right_eye"]])
    assert not torch.isin(neck_ring(head, 0.5), inside).any()


def test_rings_move_with_the_tracked_head(synthetic_head):
    """A head that moves 2 cm to the right and away shows its neck ring to the right, and smaller."""
    ring = torch.arange(40, 80)
    head = replace(synthetic_head, regions=synthetic_head.regions | {"neck_bottom": ring})
    count = 70  # more than one batch
    translation = torch.zeros(count, 3)
    translation[1:, 0] = 0.02
    translation[2:, 2] = -0.5
    zeros = torch.zeros(count, 3)
    track = Track(
        rotation=zeros, translation=translation, neck_pose=zeros, jaw_pose=zeros, eyes_pose=torch.zeros(count, 6),
        expression=torch.zeros(count, head.n_expression), shape=torch.zeros(head.n_shape), focal_length=2.0,
        reprojection_px=torch.zeros(count), valid=torch.ones(count, dtype=torch.bool),
    )  # fmt: skip
    rings = neck_rings(head, track, 256)
    assert rings.shape == (count, 40, 2)
    x, y, z = head.template[ring].numpy().T
    expected = np.stack((128 + 512 * x / (1 - z), 128 - 512 * y / (1 - z)), axis=1)
    np.testing.assert_allclose(rings[0], expected, atol=1e-2)
    assert (rings[1, :, 0] > rings[0, :, 0] + 8).all()
    assert np.ptp(rings[69, :, 0]) < 0.75 * np.ptp(rings[1, :, 0])


def test_the_line_passes_under_the_chin():
    """Where the chin hangs below the ring the line goes with it; beside the chin it stays."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.stack((100 + 40 * np.cos(angle), 150 + 8 * np.sin(angle)), axis=1)
    across = np.linspace(85, 115, 11)
    chin = np.stack((across, 170 - 0.05 * (across - 100) ** 2), axis=1)
    lowered = below_chin(ring[None], chin[None], 200)[0]
    line = neck_line(lowered)
    under = np.interp(chin[:, 0], line[:, 0], line[:, 1])
    assert (under >= chin[:, 1] + 2).all()
    assert np.array_equal(lowered[:, 0], ring[:, 0])
    beside = (ring[:, 0] < 75) | (ring[:, 0] > 125)
    assert np.array_equal(lowered[beside], ring[beside])
    raised = chin - [0, 60]
    assert np.array_equal(below_chin(ring[None], raised[None], 200)[0], ring)


def test_a_dropped_jaw_lowers_the_line(synthetic_head):
    bottom = synthetic_head.template[:, 1].argsort()[:40]
    head = replace(synthetic_head, regions=synthetic_head.regions | {"neck_bottom": bottom})
    zeros = torch.zeros(2, 3)
    jaw = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    track = Track(
        rotation=zeros, translation=zeros, neck_pose=zeros, jaw_pose=jaw, eyes_pose=torch.zeros(2, 6),
        expression=torch.zeros(2, head.n_expression), shape=torch.zeros(head.n_shape), focal_length=2.0,
        reprojection_px=torch.zeros(2), valid=torch.ones(2, dtype=torch.bool),
    )  # fmt: skip
    closed, opened = neck_rings(head, track, 256, 0.9)[:, :, 1].max(axis=1)
    assert opened > closed + 0.4


class _Brightness:
    """Takes what is bright for the person."""

    engine = digest = "brightness"

    def probability(self, image: np.ndarray) -> np.ndarray:
        return image[::2, ::2, 0].astype(np.float32) / 255


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("smooth", [0, 1, 2])
def test_every_frame_keeps_its_place_in_time(count, smooth):
    frames = [np.full((64, 64, 3), 10 * i + 20, np.uint8) for i in range(count)]
    settings = MatteSettings(smooth_frames=smooth, edge_contrast=1.0)
    given = list(person_alphas(frames, _Brightness(), settings))
    assert [int(frame[0, 0, 0]) for frame, _ in given] == [10 * i + 20 for i in range(count)]
    inner = [int(alpha.mean().round()) for _, alpha in given][smooth : count - smooth]
    assert inner == [10 * i + 20 for i in range(count)][smooth : count - smooth]


def test_averaging_in_time_calms_a_flickering_mask():
    frames = [np.full((64, 64, 3), 150 + 40 * (-1) ** i, np.uint8) for i in range(12)]

    def flicker(smooth: int) -> float:
        settings = MatteSettings(smooth_frames=smooth, edge_contrast=1.0)
        means = [alpha.mean() for _, alpha in person_alphas(frames, _Brightness(), settings)]
        return float(np.abs(np.diff(means[2:-2])).mean())

    assert flicker(1) < 0.1 * flicker(0)


@pytest.mark.shared
def test_a_person_is_cut_out_of_real_footage(open_networks):
    path = FOOTAGE / "adapt/anchor-de.mp4"
    if not path.exists():
        pytest.skip("needs ../shared/footage")
    frames = list(itertools.islice(stream_frames(path), 3))
    given = list(person_alphas(frames, SelfieSegmentation(open_networks), MatteSettings()))
    for frame, alpha in given:
        assert alpha.shape == frame.shape[:2]
        assert alpha[180:400, 220:340].min() > 250  # face
        assert alpha[:40, :40].max() < 5 and alpha[:40, -40:].max() < 5
        assert alpha[480:, 200:400].min() > 245  # chest
        edge = (alpha > 20) & (alpha < 235)
        assert 0.002 < edge.mean() < 0.04  # a narrow seam
