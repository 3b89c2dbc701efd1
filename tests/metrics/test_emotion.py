import numpy as np
import pytest
from scipy.stats import entropy

from emotag.metrics.emotion import PROBABILITY_FLOOR, agreement, divergence, intensity, probability
from emotag.vocabulary import EMOTIONS


def distributions(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(7, 2.0), 20)


def test_divergence_equals_scipys() -> None:
    truth, render = distributions(0), distributions(1)
    # scipy normalises what it is given, as floored distributions must be.
    floored = [np.maximum(one, PROBABILITY_FLOOR) for one in (truth, render)]
    assert divergence(truth, render) == pytest.approx(entropy(*floored, axis=1))
    assert divergence(truth, truth) == pytest.approx(np.zeros(20), abs=1e-12)
    assert not np.allclose(divergence(truth, render), divergence(render, truth))


def test_a_saturated_network_does_not_make_the_clips_mean() -> None:
    sure, other = np.eye(7)[[3]], np.eye(7)[[4]]
    assert 6 < divergence(sure, other)[0] < -np.log(PROBABILITY_FLOOR)


def test_agreement_and_intensity_by_hand() -> None:
    truth = np.array([[0, 0, 0, 0.7, 0, 0.1, 0.2], [0, 0, 0, 0.2, 0, 0, 0.8], [np.nan] * 7])
    render = np.array([[0, 0, 0, 0.5, 0, 0.4, 0.1], [0.9, 0, 0, 0, 0, 0, 0.1], [0, 0, 0, 1, 0, 0, 0]])
    assert agreement(truth, render) == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert intensity(truth) == pytest.approx([0.8, 0.2, np.nan], nan_ok=True)
    assert probability(truth, "happy") == pytest.approx([0.7, 0.2, np.nan], nan_ok=True)
    assert EMOTIONS.index("happy") == 3
    assert np.isnan(divergence(truth, render)[2])


def test_exception_on_shape() -> None:
    with pytest.raises(ValueError, match="distributions must both be"):
        divergence(np.zeros((3, 7)), np.zeros((4, 7)))
