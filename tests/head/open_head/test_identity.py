"""Identity modes of the open head: sizes by anthropometry, parts that move together, nearness to scanned people."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from benchmarks.open_head import fit_identity, surface_of
from emotag.head.ict import load_ict
from emotag.head.open_head.assemble import neutral_surface, open_head
from emotag.head.open_head.fields import ball_radius, unit
from emotag.head.open_head.identity import IDENTITY_MODES, identity_modes
from emotag.head.open_head.landmarks import embed68
from emotag.head.open_head.skin import neutral_skin
from emotag.head.open_head.surface import HeadSurface, Part

KIT = Path(__file__).parents[3] / "../shared/assets/ict-facekit.tar.xz"
MM = 1e-3


@pytest.fixture(scope="module")
def surface() -> HeadSurface:
    skin = neutral_skin()
    return neutral_surface(skin, embed68(skin))


@pytest.fixture(scope="module")
def modes(surface: HeadSurface) -> dict[str, np.ndarray]:
    return identity_modes(surface)


def test_names(modes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    assert tuple(modes) == IDENTITY_MODES and 24 <= len(modes) <= 32
    for name, mode in modes.items():
        assert mode.shape == surface.vertices.shape and np.isfinite(mode).all(), name
        assert 0.4 * MM < np.linalg.norm(mode, axis=1).max() < 9 * MM, name


def test_modes_differ(modes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    skin = surface.part == Part.SKIN
    rows = unit(np.stack([mode[skin].ravel() for mode in modes.values()]))
    alike = np.abs(rows @ rows.T) - np.eye(len(rows))
    assert alike.max() < 0.9
    assert np.linalg.svd(rows, compute_uv=False)[-1] > 0.02


@pytest.mark.parametrize("name", IDENTITY_MODES)
def test_symmetric(name: str, modes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    distance, twin = cKDTree(surface.vertices).query(surface.vertices * (-1, 1, 1))
    paired = distance < 1e-6
    assert paired.mean() > 0.6
    mode = modes[name]
    assert np.abs(mode[paired] * (-1, 1, 1) - mode[twin[paired]]).max() < 0.05 * MM


@pytest.mark.parametrize("name", IDENTITY_MODES)
def test_parts_move_as_bodies(name: str, modes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    for parts in ((Part.LEFT_EYE,), (Part.RIGHT_EYE,), (Part.UPPER_TEETH, Part.UPPER_GUMS, Part.LOWER_TEETH)):
        assert np.ptp(modes[name][np.isin(surface.part, parts)], axis=0).max() < 1e-9


@pytest.mark.parametrize("name", IDENTITY_MODES)
@pytest.mark.parametrize("amount", [-2.0, 2.0])
def test_lids_stay_outside_the_ball(
    name: str, amount: float, modes: dict[str, np.ndarray], surface: HeadSurface
) -> None:
    offset = surface.vertices - surface.eye_centres[0]
    radius = ball_radius(surface, 1, unit(offset))
    distance = np.linalg.norm(offset, axis=1)
    lid = (surface.part == Part.SKIN) & (distance > radius) & (distance < 1.4 * radius) & (offset[:, 2] > 0)
    carried = modes[name][surface.part == Part.LEFT_EYE][0]
    moved = offset[lid] + amount * (modes[name][lid] - carried)
    assert (np.linalg.norm(moved, axis=1) - ball_radius(surface, 1, unit(moved))).min() > -0.25 * MM


@pytest.mark.parametrize("name", IDENTITY_MODES)
def test_lips_stay_closed(name: str, modes: dict[str, np.ndarray], surface: HeadSurface) -> None:
    near = surface.part == Part.SKIN
    near &= np.linalg.norm(surface.vertices - surface.landmarks[[62, 66]].mean(0), axis=1) < 0.03
    upper, lower = (np.flatnonzero(near & (surface.mouth_side * sign > 0)) for sign in (1, -1))
    distance, found = cKDTree(surface.vertices[lower]).query(surface.vertices[upper])
    touching = distance < 0.6 * MM
    apart = modes[name][upper[touching]] - modes[name][lower[found[touching]]]
    assert touching.sum() >= 8
    assert np.abs(apart).max() < 0.15 * MM


SPREADS = [  # mode, landmarks, axis, published standard deviation of the distance in millimetres (rounded)
    ("mouth_width", 48, 54, 0, 3.5), ("nose_width", 31, 35, 0, 2.7), ("eye_spacing", 39, 42, 0, 2.4),
    ("face_length", 27, 8, 1, 6.0), ("nose_length", 27, 33, 1, 3.4), ("chin_length", 62, 8, 1, 3.5),
    ("jaw_width", 4, 12, 0, 6.0), ("face_width", 0, 16, 0, 5.5), ("upper_lip_fullness", 51, 62, 1, 1.3),
    ("lower_lip_fullness", 66, 57, 1, 1.4), ("mouth_height", 33, 62, 1, 2.0), ("eye_size", 42, 45, 0, 1.3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "first", "second", "axis", "spread"), SPREADS)
def test_one_unit_is_one_standard_deviation(
    name: str, first: int, second: int, axis: int, spread: float, modes: dict[str, np.ndarray], surface: HeadSurface
) -> None:
    skin = np.flatnonzero(surface.part == Part.SKIN)
    ids = skin[cKDTree(surface.vertices[skin]).query(surface.landmarks[[first, second]])[1]]
    change = np.diff(modes[name][ids, axis])[0] * np.sign(np.diff(surface.landmarks[[first, second], axis])[0])
    assert change / MM == pytest.approx(spread, rel=0.45)


@pytest.mark.shared
@pytest.mark.slow
def test_comes_near_scanned_people() -> None:
    if not KIT.exists():
        pytest.skip("needs ../shared/assets/ict-facekit.tar.xz")
    kit, _ = load_ict(KIT, 6000, 40)
    head, part = open_head(), surface_of(kit).part
    faces = kit.faces.numpy()
    faces = faces[np.isin(part[faces], (Part.SKIN, Part.LEFT_EAR, Part.RIGHT_EAR)).all(1)]
    basis = kit.shape_basis.double().numpy()
    people = np.concatenate((np.zeros((1, 40)), np.random.default_rng(0).standard_normal((3, 40))))
    for shape in people:
        person = kit.template.double().numpy() + np.tensordot(shape, basis, 1)
        corners = kit.faces[kit.landmarks68.triangles].numpy()
        marks = (person[corners] * kit.landmarks68.weights.double().numpy()[:, :, None]).sum(1)
        fit = fit_identity(head, person, faces, marks)
        assert fit.after.mean() <= 3 * MM
        assert fit.after.mean() < fit.before.mean()
        assert np.abs(fit.coefficients).max() < 4
