import numpy as np
import pytest

from emotag.metrics.identity import FRAMES, chosen_frames, similarity
from emotag.metrics.readings import Portraits


def test_frames_are_spread_over_the_valid_ones() -> None:
    assert chosen_frames(np.ones(80, bool)).tolist() == [5, 15, 25, 35, 45, 55, 65, 75]
    valid = np.zeros(80, bool)
    valid[[3, 4, 70]] = True
    assert chosen_frames(valid).tolist() == [3, 4, 70]
    assert chosen_frames(np.zeros(9, bool)).tolist() == []
    assert len(chosen_frames(np.ones(1000, bool))) == FRAMES


def test_cosine_with_the_other_true_frames_by_hand() -> None:
    """Three true frames at 0°, 90°, 90°; the render's at 45°, whatever their lengths."""
    frames = np.array([1, 4, 6])
    truth = Portraits(frames, np.array([[2.0, 0], [0, 1], [0, 3]]))
    render = Portraits(frames, np.array([[5.0, 5], [1, 1], [np.nan, np.nan]]))
    values = similarity(truth, render, 8)
    # Frame 1 is held against (0°, 90°, 90°) without its own: 90°. Frame 4 against the mean of 0° and 90°: 45°.
    assert values[1] == pytest.approx(np.cos(np.pi / 4))
    assert values[4] == pytest.approx(1)
    assert np.isnan(np.delete(values, [1, 4])).all()
    own = similarity(truth, truth, 8)
    assert own[[1, 4, 6]] == pytest.approx([0, np.cos(np.pi / 4), np.cos(np.pi / 4)])


def test_one_true_frame_says_nothing() -> None:
    alone = Portraits(np.array([2]), np.ones((1, 4)))
    assert np.isnan(similarity(alone, alone, 5)).all()


def test_exception_on_other_frames() -> None:
    with pytest.raises(ValueError, match="different frames"):
        similarity(Portraits(np.array([1]), np.ones((1, 4))), Portraits(np.array([2]), np.ones((1, 4))), 5)
