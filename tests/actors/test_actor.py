import numpy as np

from emotag.actors.actor import DIMORPHISM, draw_actor
from emotag.head.open_head.identity import IDENTITY_MODES


def test_a_seed_is_a_person() -> None:
    one, same, other = draw_actor(3, "female"), draw_actor(3, "female"), draw_actor(4, "female")
    np.testing.assert_array_equal(one.shape, same.shape)
    assert (one.look, one.voice, one.manner) == (same.look, same.voice, same.manner)
    assert not np.array_equal(one.shape, other.shape)
    assert one.look != other.look
    assert one.voice != other.voice


def test_sexes_differ_as_anthropometry_says() -> None:
    mean = {sex: np.mean([draw_actor(seed, sex).shape for seed in range(150)], axis=0) for sex in ("female", "male")}
    assert set(DIMORPHISM) <= set(IDENTITY_MODES)
    for name, shift in DIMORPHISM.items():
        found = (mean["male"] - mean["female"])[IDENTITY_MODES.index(name)]
        assert abs(found - 2 * shift) < 0.45, name


def test_nobody_is_extreme() -> None:
    shapes = np.array([draw_actor(seed, "male").shape for seed in range(50)])
    assert np.abs(shapes).max() <= 1.8
    assert 0.6 < shapes.std() < 1.1
