"""The neutral skin: symmetric, manifold, with openings where they belong and a person's proportions."""

import numpy as np
import pytest

from emotag.head.open_head.anatomy import EYE_CENTRE, EYE_RADIUS
from emotag.head.open_head.fill import blocked, directions
from emotag.head.open_head.landmarks import MIRROR68, embed68
from emotag.head.open_head.lids import LID_NAMES
from emotag.head.open_head.lips import LIP_NAMES
from emotag.head.open_head.neck import NECK_NAMES
from emotag.head.open_head.skin import Skin, neutral_skin
from emotag.head.surface import boundary_loops, components, unique_edges

_MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def skin() -> Skin:
    return neutral_skin()


def test_is_exactly_symmetric(skin: Skin) -> None:
    np.testing.assert_array_equal(skin.points[skin.mirror], skin.points * _MIRROR)
    np.testing.assert_array_equal(skin.mirror[skin.mirror], np.arange(len(skin.points)))
    turned = skin.mirror[skin.faces][:, ::-1]
    assert {frozenset(face) for face in skin.faces.tolist()} == {frozenset(face) for face in turned.tolist()}


def test_is_one_oriented_manifold_with_four_openings(skin: Skin) -> None:
    directed = np.concatenate([skin.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert len(np.unique(directed, axis=0)) == len(directed), "an edge is used twice in one direction"
    assert len(np.unique(components(skin.faces, len(skin.points)))) == 1
    loops = boundary_loops(skin.faces)
    expected = ("cut", LIP_NAMES[-1], f"left/{LID_NAMES[-1]}", f"right/{LID_NAMES[-1]}")
    assert {frozenset(loop.tolist()) for loop in loops} == {frozenset(skin.rings[name].tolist()) for name in expected}
    euler = len(skin.points) - len(unique_edges(skin.faces)) + len(skin.faces)
    assert euler == 2 - len(expected)


def test_triangles_are_not_slivers(skin: Skin) -> None:
    corners = skin.points[skin.faces]
    squares = ((corners - np.roll(corners, -1, axis=1)) ** 2).sum((1, 2))
    double = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    quality = 2 * np.sqrt(3) * double / squares  # 1 for an equilateral triangle
    assert quality.min() > 0.2
    assert np.median(quality) > 0.88


def test_looks_outwards(skin: Skin) -> None:
    outer = ~np.isnan(skin.rays[skin.faces]).any((1, 2))
    corners = skin.points[skin.faces[outer]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = (normal * skin.rays[skin.faces[outer]].mean(1)).sum(1)
    assert (away > 0).mean() > 0.985  # but for the overhanging wings of the nose


@pytest.mark.parametrize("name", LIP_NAMES)
def test_lips_do_not_cross(skin: Skin, name: str) -> None:
    ring = skin.points[skin.rings[name]]
    half = len(ring) // 2
    upper, lower = ring[: half + 1][: half // 2], ring[: half + 1][::-1][: half // 2]
    gap = upper[:, 1] - lower[:, 1]
    assert gap.min() > 0
    if name == "slit":
        assert gap.max() < 0.3


@pytest.mark.parametrize("name", LID_NAMES[:-1])
@pytest.mark.parametrize("side", [1, -1])
def test_lids_lie_over_the_eyeball(skin: Skin, name: str, side: int) -> None:
    ring = skin.points[skin.rings[f"{'left' if side > 0 else 'right'}/{name}"]]
    height = np.linalg.norm(ring - np.array(EYE_CENTRE) * (side, 1, 1), axis=1) - EYE_RADIUS
    assert height.min() > 0.5
    assert height.max() < 6


def test_lid_margin_has_thickness(skin: Skin) -> None:
    outer, inner = (skin.points[skin.rings[f"left/{name}"]] for name in ("lash line", "lid margin"))
    thickness = np.linalg.norm(outer - inner, axis=1)
    assert 0.8 < np.median(thickness) < 2.2


def test_neck_base_runs_round_the_neck(skin: Skin) -> None:
    ring = skin.points[skin.rings["neck base"]]
    turn = np.unwrap(np.arctan2(ring[:, 0], ring[:, 2] - ring[:, 2].mean()))
    assert np.all(np.diff(turn) > 0)
    assert ring[np.abs(ring[:, 0]) < 1, 1].max() == pytest.approx(-138, abs=1)
    rows = [skin.points[skin.rings[name], 1].mean() for name in NECK_NAMES]
    assert np.all(np.diff(rows) < 0)


@pytest.mark.parametrize(
    ("name", "pair", "low", "high"),
    [
        # Farkas 1994, young adults: the span of the female and male means, two standard deviations further out
        ("nasion to gnathion", (27, 8), 102, 138),
        ("mouth width", (48, 54), 44, 60),
        ("nasal width", (31, 35), 24, 40),
        ("intercanthal width", (39, 42), 27, 39),
        ("eye fissure", (42, 45), 25, 35),
        ("face breadth by the zygion", (1, 15), 121, 150),
        ("upper vermilion", (51, 62), 5.5, 11),
        ("lower vermilion", (66, 57), 6, 12.5),
        ("subnasale to stomion", (33, 62), 16, 26),
    ],
)
def test_has_a_persons_proportions(skin: Skin, name: str, pair: tuple[int, int], low: float, high: float) -> None:
    points = embed68(skin).points(skin)
    assert low < np.linalg.norm(points[pair[0]] - points[pair[1]]) < high, name


def test_landmarks_are_symmetric_and_in_order(skin: Skin) -> None:
    points = embed68(skin).points(skin)
    np.testing.assert_allclose(points[MIRROR68], points * _MIRROR, atol=1e-9)
    np.testing.assert_array_equal(MIRROR68[MIRROR68], np.arange(68))
    for run in (range(17), range(17, 27), range(31, 36), range(48, 55)):
        assert np.all(np.diff(points[list(run), 0]) > 0), "from the right to the left"
    assert points[43, 1] > points[47, 1]
    assert points[62, 1] > points[66, 1]


def test_is_deterministic(skin: Skin) -> None:
    again = neutral_skin.__wrapped__()
    np.testing.assert_array_equal(again.points, skin.points)
    np.testing.assert_array_equal(again.faces, skin.faces)


def test_blocked_covers_hole_and_edges() -> None:
    turn = np.linspace(0, 2 * np.pi, 13)[:-1]
    ring = directions(np.stack((0.3 * np.cos(turn), 0.3 * np.sin(turn), np.ones(12)), axis=1), np.zeros(3))
    tested = directions(np.array([[0, 0, 1.0], [0.301, 0.02, 1], [0.5, 0, 1], [0, 0, -1]]), np.zeros(3))
    np.testing.assert_array_equal(blocked(tested, [ring]), [True, True, False, False])


def test_spacing_is_fine_where_the_face_moves(skin: Skin) -> None:
    edges = unique_edges(skin.faces)
    length = np.linalg.norm(skin.points[edges[:, 0]] - skin.points[edges[:, 1]], axis=1)
    middle = skin.points[edges].mean(1)
    mouth = (np.abs(middle[:, 0]) < 25) & (np.abs(middle[:, 1] + 63) < 15) & (middle[:, 2] > 70)
    skull = middle[:, 1] > 90
    assert np.median(length[mouth]) < 3.5
    assert 8 < np.median(length[skull]) < 16
