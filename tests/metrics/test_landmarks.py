import numpy as np
import pytest

from emotag.metrics.landmarks import correlation, jitter, lmd, mouth_opening


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 512, (12, 68, 2))


def test_lmd_ignores_where_the_mouth_is(points):
    shift = np.random.default_rng(2).normal(0, 30, (12, 1, 2))
    assert lmd(points, points + shift) == pytest.approx(np.zeros(12), abs=1e-9)


def test_lmd_ignores_all_but_the_mouth(points):
    moved = points.copy()
    moved[:, :48] += 50
    assert lmd(points, moved) == pytest.approx(np.zeros(12))


def test_lmd_known_value(points):
    """One of 20 points moved by 20 px: centring moves all by −1, so (19 + 19·1)/20."""
    moved = points.copy()
    moved[:, 57, 1] += 20
    assert lmd(points, moved) == pytest.approx(np.full(12, 38 / 20))


def test_lmd_is_in_pixels_of_512(points):
    moved = points + np.random.default_rng(3).normal(0, 1, points.shape)
    assert lmd(points / 2, moved / 2, resolution=256) == pytest.approx(lmd(points, moved, resolution=512))


def test_lmd_of_a_failed_frame_is_nan(points):
    failed = points.copy()
    failed[3] = np.nan
    values = lmd(points, failed)
    assert np.isnan(values[3])
    assert np.isfinite(np.delete(values, 3)).all()


def test_mouth_opening_known_value_at_any_scale():
    points = np.zeros((1, 68, 2))
    points[:, 45, 0] = 100
    for top, bottom in ((61, 67), (62, 66), (63, 65)):
        points[:, top] = (50, 80)
        points[:, bottom] = (50, 105)
    assert mouth_opening(points) == pytest.approx([0.25])
    assert mouth_opening(points * 3.7) == pytest.approx([0.25])


def test_mouth_opening_without_eyes_is_nan():
    assert np.isnan(mouth_opening(np.zeros((1, 68, 2)))).all()


def test_jitter_of_uniform_motion_is_zero_and_of_a_jump_is_not():
    time = np.arange(9.0)[:, None, None]
    moving = np.ones((9, 68, 2)) * time
    assert jitter(moving)[1:-1] == pytest.approx(np.zeros(7), abs=1e-12)
    moving[4, :, 0] += 1
    assert jitter(moving)[3:6] == pytest.approx([1, 2, 1])
    assert jitter(moving, resolution=128)[3:6] == pytest.approx([4, 8, 4])
    assert np.isnan(jitter(moving)[[0, -1]]).all()


def test_jitter_of_a_short_clip_is_nan():
    assert np.isnan(jitter(np.zeros((2, 68, 2)))).all()


def test_correlation():
    x = np.random.default_rng(4).normal(size=50)
    y = x + np.random.default_rng(5).normal(size=50)
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert correlation(x, -2 * x + 3) == pytest.approx(-1)
    gap = x.copy()
    gap[7] = np.nan
    assert correlation(gap, y) == pytest.approx(np.corrcoef(np.delete(x, 7), np.delete(y, 7))[0, 1])
    assert np.isnan(correlation(x, np.full(50, 0.1)))


@pytest.mark.parametrize("shape", [(68, 2), (5, 67, 2), (5, 68, 3)])
def test_exception_on_shape(shape):
    with pytest.raises(ValueError, match="landmarks are"):
        mouth_opening(np.zeros(shape))
