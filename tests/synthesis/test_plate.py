import numpy as np
import pytest

from emotag.errors import InputError
from emotag.synthesis.plate import PlateSettings, background_plate, fill_smoothly

SIDE = 96


def backdrop() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.stack([40 + x, 60 + y, 90 + (x + y) / 2], -1).clip(0, 255).astype(np.uint8)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(columns - x, rows - y) < radius


def walking(frames: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """A red disc that moves from side to side before the backdrop."""
    images, masks = [], []
    for index in range(frames):
        person = disc(SIDE / 2 + reach * np.sin(index / 3), SIDE / 2, 14)
        image = backdrop()
        image[person] = (250, 0, 0)
        images.append(image)
        masks.append(person.astype(np.float32))
    return np.stack(images), np.stack(masks)


def test_a_passer_by_leaves_no_trace():
    plate = background_plate(*walking(40, reach=25))
    assert np.array_equal(plate, backdrop())


def test_it_takes_iterators_and_uint8_mattes():
    images, masks = walking(40, reach=25)
    plate = background_plate(iter(images), (mask for mask in (masks * 255).astype(np.uint8)))
    assert np.array_equal(plate, backdrop())


def test_where_somebody_always_stands_the_surroundings_go_on():
    """The backdrop is linear, which a membrane continues exactly; no red of the disc may be in it."""
    plate = background_plate(*walking(10, reach=0)).astype(int)
    assert np.abs(plate - backdrop()).max() <= 3


def test_outliers_do_not_reach_the_plate():
    images, masks = walking(40, reach=25)
    images[7, 5:15, 5:15] = 255  # a flash of light outside the person
    masks[11] = 0  # one frame whose matte failed: the person counts as background there
    plate = background_plate(images, masks)
    assert np.array_equal(plate, backdrop())


def test_a_matte_that_fails_in_few_frames_does_not_show_the_person():
    images, masks = walking(40, reach=0)
    masks[3] = 0
    plate = background_plate(images, masks).astype(int)
    assert np.abs(plate - backdrop()).max() <= 3


def test_memory_is_flat():
    """A stream of any length is thinned to the stated number of evenly spaced frames."""
    seen = []

    def stream():
        for index in range(500):
            seen.append(index)
            yield np.full((8, 8, 3), index // 2, np.uint8)

    plate = background_plate(stream(), (np.zeros((8, 8)) for _ in range(500)), PlateSettings(samples=16))
    assert len(seen) == 500
    assert abs(int(plate[0, 0, 0]) - 125) <= 16  # half the distance of 16 even samples from the median of all


def test_fill_keeps_what_is_known():
    image = np.random.default_rng(0).uniform(size=(37, 53, 3)).astype(np.float32)
    known = np.random.default_rng(1).random((37, 53)) > 0.4
    filled = fill_smoothly(image, known)
    assert np.array_equal(filled[known], image[known])
    assert filled.min() >= 0
    assert filled.max() <= 1


def test_fill_solves_laplace():
    """A harmonic function is restored from its values outside a hole."""
    y, x = np.mgrid[:64, :64] / 64
    harmonic = (np.exp(2 * x) * np.sin(2 * y)).astype(np.float32)[..., None]
    hole = np.zeros((64, 64), bool)
    hole[20:44, 15:50] = True
    filled = fill_smoothly(harmonic, ~hole)
    assert np.abs(filled - harmonic).max() < 0.02 * np.ptp(harmonic)


def test_exception_when_nothing_is_ever_seen():
    with pytest.raises(InputError, match="every pixel"):
        background_plate(np.zeros((3, 16, 16, 3), np.uint8), np.ones((3, 16, 16)))


def test_exception_without_frames():
    with pytest.raises(InputError, match="no frames"):
        background_plate([], [])
