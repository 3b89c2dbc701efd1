import numpy as np
import pytest
import torch

from emotag.synthesis.compose import CompositionSettings, compose, underlay
from emotag.synthesis.plate import distance_to

SIDE = 160
NECK = 100  # row of the neck line
SETTINGS = CompositionSettings()


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Backdrop, a skin-coloured head on a neck, a dark torso: frame, head alpha, person alpha, plate."""
    y, x = np.mgrid[:SIDE, :SIDE]
    plate = np.stack([60 + x / 2, 120 + y / 4, np.full_like(x, 200.0)], -1).astype(np.uint8)
    skin = (np.hypot(x - 80, (y - 55) * 0.85) < 34) | ((abs(x - 80) < 16) & (y > 55) & (y <= NECK))
    torso = (y > NECK) & (abs(x - 80) < 16 + (y - NECK) * 2)
    frame = plate.copy()
    frame[skin] = (220, 170, 140)
    frame[torso] = (30, 30, 60)
    return frame, skin.astype(np.float32), (skin | torso).astype(np.float32), plate


def test_no_pixel_of_the_true_head_leaks():
    """Whatever the head looked like, the underlay is the same; what lies in the ring tells only through the feather."""
    frame, head, person, plate = scene()
    other = frame.copy()
    noise = np.random.default_rng(0).integers(0, 255, frame.shape, dtype=np.uint8)
    other[head > 0] = noise[head > 0]
    assert np.array_equal(underlay(frame, head, person, plate).image, underlay(other, head, person, plate).image)
    ring = (distance_to(head > 0) <= SETTINGS.margin_share * SIDE) & (person == 0)
    other[ring] = noise[ring]
    assert ring.any()
    assert np.array_equal(underlay(frame, head, person, plate).image, underlay(other, head, person, plate).image)


def test_soft_mattes_do_not_leak_either():
    frame, head, person, plate = scene()
    soft = np.clip(1.5 - distance_to(head > 0) / 2, 0, 1)
    soft = np.where((person > 0) & (head == 0), 0, soft)
    other = frame.copy()
    other[soft > SETTINGS.head_threshold] = 255 - other[soft > SETTINGS.head_threshold]
    person = np.maximum(person, soft)
    assert np.array_equal(underlay(frame, soft, person, plate).image, underlay(other, soft, person, plate).image)


def test_torso_and_far_background_stay_the_frames_own():
    frame, head, person, plate = scene()
    frame[:20, :20] = (255, 0, 255)  # a thing that is not on the plate
    result = underlay(frame, head, person, plate).image
    torso = (person > 0) & (head == 0)
    reach = (SETTINGS.margin_share + SETTINGS.feather_share) * SIDE
    far = (distance_to(head > 0) > reach + 1) & (person == 0)
    assert np.array_equal(result[torso], frame[torso])
    assert np.array_equal(result[far], frame[far])


def test_the_plate_shows_where_the_head_was():
    frame, head, person, plate = scene()
    result = underlay(frame, head, person, plate).image.astype(int)
    top = (head > 0) & (np.arange(SIDE)[:, None] < 70)
    assert np.abs(result[top] - plate[top]).max() <= 2


def test_the_torso_goes_on_above_the_neck_line():
    """An avatar that moves up a little must not open a gap of bright backdrop over a dark collar."""
    frame, head, person, plate = scene()
    result = underlay(frame, head, person, plate).image.astype(int)
    assert np.abs(result[NECK - 1, 72:88] - (30, 30, 60)).max() < 20
    rise = result[NECK - 30 : NECK + 1, 80].astype(float)
    assert np.abs(np.diff(rise, axis=0)).max() < 40  # no hard edge on the way to the plate


def test_the_neck_does_not_glow_beside_itself():
    """The torso goes on no wider than it is at the neck line, where the head above is wider."""
    frame, head, person, plate = scene()
    wide = (head > 0) | (((np.arange(SIDE)[:, None] - NECK + 1) <= 0) & (distance_to(head > 0) < 4))
    person = np.maximum(person, wide)
    result = underlay(frame, wide.astype(np.float32), person, plate).image.astype(int)
    columns = np.abs(np.arange(SIDE) - 80) > 16 + 4  # of the torso at the neck line, and the blur of its edge
    beside = wide & columns[None] & (np.arange(SIDE)[:, None] > NECK - 12)
    assert beside.any()
    assert np.abs(result[beside] - plate[beside]).max() <= 6


def test_the_plate_follows_the_frames_light():
    frame, head, person, plate = scene()
    darker = (plate * 0.8).astype(np.uint8)
    frame = np.where(person[..., None] > 0, frame, darker)
    result = underlay(frame, head, person, plate).image.astype(int)
    top = (head > 0) & (np.arange(SIDE)[:, None] < 70)
    assert np.abs(result[top] - darker[top]).mean() < 3


def test_fade_lets_the_render_reach_over_the_collar_and_no_further():
    frame, head, person, plate = scene()
    fade = underlay(frame, head, person, plate).fade
    assert fade[head > 0].min() > 0.98
    assert fade[NECK + 3, 80] > 0.98
    assert fade[SIDE - 1, 80] < 0.01
    assert fade[0, 0] == pytest.approx(1)
    assert np.abs(np.diff(fade[:, 80])).max() < 0.35


def test_no_head_leaves_the_frame_alone():
    frame, _, person, plate = scene()
    result = underlay(frame, np.zeros((SIDE, SIDE)), person, plate)
    assert np.array_equal(result.image, frame)
    assert (result.fade == 1).all()


def test_head_without_torso_or_background():
    frame, *_, plate = scene()
    result = underlay(frame, np.ones((SIDE, SIDE)), np.ones((SIDE, SIDE)), plate)
    assert np.array_equal(result.image, plate)


def test_compose_is_the_over_operator():
    colour = np.full((2, 4, 5, 3), 0.25, np.float32)
    alpha = np.full((2, 4, 5), 0.5, np.float32)
    under = np.full((2, 4, 5, 3), 100, np.uint8)
    assert (compose(colour, alpha, under) == round(0.25 * 255 + 50)).all()
    assert (compose(colour, alpha, under, np.zeros((2, 4, 5), np.float32)) == 100).all()
    assert compose(colour * 9, alpha, under).max() == 255


def test_compose_gives_the_same_on_tensors():
    rng = np.random.default_rng(3)
    alpha = rng.random((3, 8, 9), dtype=np.float32)
    colour = rng.random((3, 8, 9, 3), dtype=np.float32) * alpha[..., None]
    under = rng.integers(0, 255, (3, 8, 9, 3), dtype=np.uint8)
    fade = rng.random((3, 8, 9), dtype=np.float32)
    tensors = compose(*(torch.from_numpy(array) for array in (colour, alpha, under, fade)))
    assert tensors.dtype == torch.uint8
    assert np.array_equal(tensors.numpy(), compose(colour, alpha, under, fade))


def test_exceptions_on_sizes():
    frame, head, person, plate = scene()
    with pytest.raises(ValueError, match="sizes differ"):
        underlay(frame, head[:-1], person, plate)
    with pytest.raises(ValueError, match="sizes differ"):
        compose(np.zeros((4, 5, 3)), np.zeros((4, 4)), np.zeros((4, 5, 3), np.uint8))
