from dataclasses import asdict

import numpy as np
import pytest
import torch

from emotag.actors.look.anatomy import anatomy
from emotag.actors.look.background import paint_background
from emotag.actors.look.colour import film_curve, to_linear, to_srgb
from emotag.actors.look.draw import draw_look
from emotag.actors.look.facial_hair import beard_mask
from emotag.actors.look.light import basis, make_room, octahedral, polynomial
from emotag.actors.look.look import BACKDROPS, Background, Lens, Light
from emotag.actors.look.occlusion import shadow_maps, transfer
from emotag.actors.look.posing import RigidPart
from emotag.actors.look.raster_kernels import NOTHING, rasterize
from emotag.actors.look.texture import relief_slopes
from emotag.actors.posed import posed_frames
from emotag.actors.types import Performance
from emotag.errors import InputError
from emotag.head.rotation import axis_angle_to_matrix


def test_draws_are_repeatable_and_differ():
    assert draw_look(4) == draw_look(4)
    looks = [draw_look(seed) for seed in range(24)]
    assert {look.sex for look in looks} == {"female", "male"}
    assert len({look.hair.style for look in looks}) >= 6
    tones = [look.skin.tone for look in looks]
    assert min(tones) < 0.2 and max(tones) > 0.8
    assert all(draw_look(seed, "female").hair.beard == "none" for seed in range(20))
    assert all("seed" in asdict(look) for look in looks)


def test_colour_conversions_invert():
    values = np.linspace(0, 1, 50)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-9)


def test_film_curve_rises_and_never_clips():
    curve = film_curve()
    assert (np.diff(curve) >= 0).all()
    assert curve[0] == 0 and 250 < curve[-1] < 255


def test_diffuse_light_of_a_single_lamp():
    """A small lamp lights like a cosine of its angle; harmonics of the second order are within a few per cent."""
    light = Light()
    dark = Light(
        key=light.key,
        fill=type(light.key)(0, 0, 0, (1, 1, 1), 20),
        rim=type(light.key)(0, 0, 0, (1, 1, 1), 20),
        sky=(0, 0, 0),
        ground=(0, 0, 0),
    )
    room = make_room(dark, Lens())
    normals = octahedral(31).reshape(-1, 3)
    seen = (basis(normals) @ room.matter[1]) / (basis(room.axes[0]) @ room.matter[1])
    assert np.abs(seen - np.maximum(normals @ room.axes[0], 0)).max() < 0.12
    # Skin's red light reaches further round than its blue.
    side = np.cross(room.axes[0], [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    red, _, blue = basis(side) @ room.skin.T / (basis(room.axes[0]) @ room.skin.T)
    assert red > blue + 0.05


def test_polynomial_is_the_basis():
    rng = np.random.default_rng(0)
    harmonics, normal = rng.standard_normal((3, 9)), np.array([0.36, -0.48, 0.8])
    x, y, z = normal
    terms = np.array([1, y, z, x, x * y, y * z, z * z, x * z, x * x - y * y])
    np.testing.assert_allclose(polynomial(harmonics) @ terms, harmonics @ basis(normal), rtol=1e-5)


def test_shadow_of_a_roof():
    """A square over a floor: below it the floor loses light from above; far away it keeps all."""
    floor = 0.2 * np.array([[-1, 0, -1], [-1, 0, 1], [1, 0, 1], [1, 0, -1]], float)
    roof = 0.3 * floor + [0, 0.06, 0]
    vertices, faces = np.concatenate((floor, roof)), np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    points, up = np.array([[0.0, 0, 0], [0.18, 0, 0.18]]), np.tile([0.0, 1.0, 0.0], (2, 1))
    made = transfer(shadow_maps(vertices, faces, None, 0.64, np.zeros(3)), points, up)
    left = made.received.sum(1) / made.offered.sum(1)
    assert left[0] < 0.65 < 0.93 < left[1]


def test_rigid_part_reads_its_motion_back():
    rng = np.random.default_rng(1)
    rest = rng.standard_normal((60, 3))
    turn = axis_angle_to_matrix(torch.tensor([0.3, -0.5, 0.2])).double().numpy()
    found = RigidPart(rest, np.arange(10, 50)).fit(rest @ turn.T + [0.1, 0.2, 0.3])
    np.testing.assert_allclose(found.turn, turn, atol=1e-6)
    np.testing.assert_allclose(found.shift, [0.1, 0.2, 0.3], atol=1e-6)


def test_raster_fills_shared_edges_once():
    """Two triangles of a square leave no gap and count every sample of it."""
    points = np.array([[3.3, 2.2, 1], [3.3, 29.7, 1], [28.6, 29.7, 1], [28.6, 2.2, 1]], np.float32)
    nearness, identity = np.zeros((32, 32), np.float32), np.full((32, 32), NOTHING, np.int32)
    rasterize(points, np.array([[0, 1, 2], [0, 2, 3]], np.int32), nearness, identity)
    rows, columns = np.mgrid[0:32, 0:32]
    x = columns + np.where(rows % 2 == 0, 0.75, 0.25)
    y = rows + np.where(columns % 2 == 0, 0.25, 0.75)
    np.testing.assert_array_equal(identity != NOTHING, (x > 3.3) & (x < 28.6) & (y > 2.2) & (y < 29.7))
    rasterize(points, np.array([[2, 1, 0]], np.int32), nearness, identity)  # seen from behind
    assert identity.max() == 1


def test_relief_tilts_normals_downhill():
    span = np.linspace(0, 1, 9)
    across, down = np.meshgrid(span, span)
    plane = np.stack((across, -down, np.zeros_like(across)), axis=-1)
    slopes = relief_slopes(0.2 * across, plane)
    np.testing.assert_allclose(slopes, np.broadcast_to([-0.2, 0, 0], slopes.shape), atol=1e-6)


@pytest.mark.parametrize("kind", BACKDROPS)
def test_backdrops(kind):
    picture = paint_background(Background(kind=kind), Lens(), 40, 60, np.random.default_rng(0))
    assert picture.shape == (40, 60, 3) and picture.dtype == np.float32
    assert 10 < picture.mean() < 245
    again = paint_background(Background(kind=kind), Lens(), 40, 60, np.random.default_rng(0))
    np.testing.assert_array_equal(picture, again)


def test_hairline_and_beard_lie_where_they_should(head, shape):
    body = anatomy(head, shape)
    marks = body.landmarks
    crown = np.array([0.0, body.crown, 0.0])
    inside = body.scalp(np.stack((crown, marks[27], marks[30], marks[8])), 0.0, 0.005)
    np.testing.assert_allclose(inside, [1, 0, 0, 0], atol=1e-6)
    low, high = (body.hairline(receding)(0.0) for receding in (-1.0, 1.0))
    assert marks[17:27, 1].max() < low < high < body.crown
    jaw = 0.5 * (marks[4] + marks[48])
    beard = beard_mask(body, "full", np.stack((marks[8], jaw, marks[30], marks[27])), np.random.default_rng(0))
    assert beard[0] > 0.9 and beard[1] > 0.5 and (beard[2:] < 0.05).all()


def test_a_performance_for_another_head_is_refused(head, shape):
    frames = np.zeros((2, 3), np.float32)
    performance = Performance(
        names=("smile",),
        expression=np.zeros((2, 1)),
        jaw_pose=frames,
        neck_pose=frames,
        eyes_pose=np.zeros((2, 6)),
        rotation=frames,
        translation=frames,
        action_units=np.zeros((2, 17)),
        p_emo=np.zeros((2, 7)),
        e=np.zeros(2),
    )
    with pytest.raises(InputError, match="perform it"):
        next(posed_frames(head, shape, performance))
