import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d, percentile_filter

from emotag.perception.smoothing import gaussian_smooth, sliding_percentile


@pytest.mark.parametrize("sigma", [0.3, 1.0, 12.5])
@pytest.mark.parametrize("shape", [(1,), (7,), (60, 3)])
def test_agrees_with_scipy(sigma: float, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    expected = gaussian_filter1d(values, sigma, axis=0, mode="nearest")
    np.testing.assert_allclose(gaussian_smooth(values, sigma), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 20, 130])
def test_sliding_percentile_agrees_with_scipy(frames: int) -> None:
    values = np.random.default_rng(1).normal(size=frames)
    expected = percentile_filter(values, 70, size=51, mode="nearest")
    np.testing.assert_array_equal(sliding_percentile(values, 70, 51), expected)
